package org.sparkssm.testing;

import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.util.Arrays;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FileUtil;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/**
 * A file system of its own scheme, like an object store's: paths such as {@code detached://b/x}
 * mean nothing to java.io.File, and a rename copies and deletes file by file.
 *
 * <p>The files lie below the folder that the setting {@value #ROOT} names.
 */
public final class DetachedFileSystem extends FileSystem {
  /** The setting that makes Hadoop find this class. */
  public static final String IMPLEMENTATION = "fs.detached.impl";

  /** The setting for the folder of the files. */
  public static final String ROOT = "fs.detached.root";

  private final RawLocalFileSystem local = new RawLocalFileSystem();
  private URI uri;
  private String root;

  @Override
  public void initialize(URI name, Configuration configuration) throws IOException {
    super.initialize(name, configuration);
    setConf(configuration);
    uri = URI.create(name.getScheme() + "://" + name.getAuthority());
    root = configuration.get(ROOT);
    if (root == null) {
      throw new IOException(ROOT + " is not set");
    }
    local.initialize(URI.create("file:///"), configuration);
  }

  @Override
  public String getScheme() {
    return "detached";
  }

  @Override
  public URI getUri() {
    return uri;
  }

  private Path real(Path path) {
    return new Path(new File(root, makeQualified(path).toUri().getPath()).toString());
  }

  private FileStatus seen(FileStatus status, Path path) {
    return new FileStatus(
        status.getLen(),
        status.isDirectory(),
        1,
        status.getBlockSize(),
        status.getModificationTime(),
        makeQualified(path));
  }

  @Override
  public FSDataInputStream open(Path path, int bufferSize) throws IOException {
    return local.open(real(path), bufferSize);
  }

  @Override
  public FSDataOutputStream create(
      Path path,
      FsPermission permission,
      boolean overwrite,
      int bufferSize,
      short replication,
      long blockSize,
      Progressable progress)
      throws IOException {
    FileCreation.tell(path);
    return local.create(real(path), overwrite, bufferSize, replication, blockSize, progress);
  }

  @Override
  public FSDataOutputStream append(Path path, int bufferSize, Progressable progress)
      throws IOException {
    throw new IOException("files cannot be appended to");
  }

  @Override
  public boolean rename(Path source, Path target) throws IOException {
    Path to = real(target);
    boolean intoFolder = local.exists(to) && local.getFileStatus(to).isDirectory();
    Path destination = intoFolder ? new Path(to, source.getName()) : to;
    return FileUtil.copy(local, real(source), local, destination, true, true, getConf());
  }

  @Override
  public boolean delete(Path path, boolean recursive) throws IOException {
    return local.delete(real(path), recursive);
  }

  @Override
  public FileStatus[] listStatus(Path path) throws FileNotFoundException, IOException {
    FileStatus own = getFileStatus(path);
    if (own.isFile()) {
      return new FileStatus[] {own};
    }
    return Arrays.stream(local.listStatus(real(path)))
        .map(status -> seen(status, new Path(path, status.getPath().getName())))
        .toArray(FileStatus[]::new);
  }

  @Override
  public void setWorkingDirectory(Path path) {}

  @Override
  public Path getWorkingDirectory() {
    return new Path(uri.toString(), "/");
  }

  @Override
  public boolean mkdirs(Path path, FsPermission permission) throws IOException {
    return local.mkdirs(real(path));
  }

  @Override
  public FileStatus getFileStatus(Path path) throws IOException {
    return seen(local.getFileStatus(real(path)), path);
  }
}
