#!/usr/bin/env python3
"""Runs Zeppelin notebooks without Zeppelin: %spark paragraphs in Spark's own shell, %spark.sql paragraphs as Spark SQL.

    SPARK_HOME=/opt/spark notebooks/run.py [--save] [--html FOLDER] NOTEBOOK...

The paragraphs of a notebook run in order in one spark-shell; the first that fails ends the run with status 1. --save writes the
results into the notebooks, --html also writes each notebook as a page to look at; both need requirements.txt.
"""

import argparse
import datetime
import html
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MASTER = os.environ.get("SPARK_MASTER", "local[2]")
MARK = "\u0001"
MAX_ROWS = 1000


class ParagraphFailed(Exception):
    pass


class SparkShell:
    """A spark-shell that is fed one paragraph after the other."""

    def __init__(self, jar):
        if "SPARK_HOME" not in os.environ:
            sys.exit("run.py: set SPARK_HOME to a Spark 4.1 distribution, for example by deploy/standalone/get-spark.sh")
        if not jar.exists():
            sys.exit(f"run.py: {jar} is missing; build it with: mvn -DskipTests package")
        command = [os.path.join(os.environ["SPARK_HOME"], "bin", "spark-shell"), "--master", MASTER, "--jars", str(jar)]
        for key, value in {
            "spark.sql.extensions": "org.sparkssm.sql.SparkSsmExtensions",
            "spark.sql.catalogImplementation": "in-memory",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.log.level": "ERROR",
        }.items():
            command += ["--conf", f"{key}={value}"]
        environment = dict(os.environ, SPARK_SSM_HOME=str(ROOT), OMP_NUM_THREADS="1", TERM="dumb")
        self.scratch = tempfile.TemporaryDirectory(prefix="notebook-")
        self.log = open(pathlib.Path(self.scratch.name) / "spark.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
            cwd=self.scratch.name,
            encoding="utf-8",
        )
        self.paragraph = 0
        self.tell(":silent")

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def run(self, code):
        """What the code prints; as a whole it is compiled and run, or it fails."""
        self.paragraph += 1
        began, ended, told = (f"{MARK}{word} {self.paragraph}" for word in ("began", "ended", "told"))
        file = pathlib.Path(self.scratch.name) / f"paragraph-{self.paragraph}.scala"
        file.write_text(f'println("\\n{began}");\n{code}\n;println("\\n{ended}")\n', encoding="utf-8")
        self.tell(f":paste {file}")
        self.tell(f'println("\\n{told}")')
        lines = []
        for line in self.process.stdout:
            if line.strip() == told:
                break
            lines.append(line)
        output = "".join(lines)
        if began not in output or ended not in output:
            self.log.seek(0)
            raise ParagraphFailed(self.log.read()[-20000:] + output.replace(began, "").strip())
        return output.split(began, 1)[1].split(ended, 1)[0].strip("\n")

    def close(self):
        try:
            self.tell(":quit")
            self.process.stdin.close()
            self.process.wait(timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
        self.log.close()
        self.scratch.cleanup()


def sql(statement):
    """Scala that shows the rows of a statement as Zeppelin does."""
    quoted = json.dumps(statement.strip().rstrip(";")).replace("$", "\\u0024")
    return f"""{{
  val rows = spark.sql({quoted})
  def cell(value: Any): String = String.valueOf(value).replace("\\t", " ").replace("\\n", " ")
  if (rows.columns.nonEmpty)
    println("%table " + rows.columns.map(cell).mkString("\\t")
      + rows.take({MAX_ROWS}).map(row => "\\n" + row.toSeq.map(cell).mkString("\\t")).mkString)
}}"""


def messages(output):
    """The parts of a paragraph's output: %html and %table begin one of their type, the rest is text."""
    parts = re.split(r"^%(html|table|text) ", output.replace(str(ROOT), "$SPARK_SSM_HOME"), flags=re.MULTILINE)
    result = [{"type": "TEXT", "data": parts[0]}] if parts[0].strip() else []
    for kind, data in zip(parts[1::2], parts[2::2]):
        result.append({"type": kind.upper(), "data": data})
    return result


def markdown_of(text):
    import markdown

    body = markdown.markdown(text, extensions=["tables", "fenced_code"])
    return [{"type": "HTML", "data": f'<div class="markdown-body">\n{body}\n</div>'}]


def run_notebook(path, jar, render):
    """The notebook with the results of its paragraphs; Markdown is rendered where that is asked for."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    shell = SparkShell(jar)
    try:
        for paragraph in notebook["paragraphs"]:
            interpreter, _, code = paragraph["text"].partition("\n")
            started = datetime.datetime.now()
            if interpreter == "%md":
                parts = markdown_of(code) if render else []
            elif interpreter in ("%spark", "%spark.sql"):
                parts = messages(shell.run(code if interpreter == "%spark" else sql(code)))
                seconds = (datetime.datetime.now() - started).total_seconds()
                print(f"{path.name}: {paragraph.get('title') or interpreter}: {seconds:.1f} s", flush=True)
            else:
                raise ParagraphFailed(f"there is no interpreter {interpreter}")
            paragraph["results"] = {"code": "SUCCESS", "msg": parts}
            paragraph["status"] = "FINISHED"
            for key, when in (("dateStarted", started), ("dateFinished", datetime.datetime.now())):
                paragraph[key] = when.isoformat(sep=" ", timespec="milliseconds")
    except ParagraphFailed as failure:
        sys.exit(f"run.py: {path.name}: the paragraph '{paragraph.get('title') or paragraph['text'][:60]}' failed:\n{failure}")
    finally:
        shell.close()
    return notebook


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1b2430; max-width: 1080px; margin: 0 auto; padding: 0 16px 48px; }}
pre {{ background: #f4f6f9; padding: 10px 14px; overflow-x: auto; font-size: 13px; line-height: 1.45; border-radius: 6px; }}
table {{ border-collapse: collapse; font-size: 14px; }} th, td {{ padding: 4px 14px 4px 0; text-align: left;
border-bottom: 1px solid #dfe5ec; }} h3 {{ margin-bottom: 4px; }} .scroll {{ overflow-x: auto; }}
</style></head><body>{body}</body></html>
"""


def page(notebook):
    """The notebook as one HTML page."""
    body = []
    for paragraph in notebook["paragraphs"]:
        if not paragraph["text"].startswith("%md"):
            body.append(f"<h3>{html.escape(paragraph.get('title', ''))}</h3><pre>{html.escape(paragraph['text'])}</pre>")
        for part in paragraph["results"]["msg"]:
            if part["type"] == "HTML":
                body.append(part["data"])
            elif part["type"] == "TABLE":
                rows = [line.split("\t") for line in part["data"].splitlines()]
                cells = [["th" if k == 0 else "td", row] for k, row in enumerate(rows)]
                table = "".join(
                    "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>" for tag, row in cells
                )
                body.append(f'<div class="scroll"><table>{table}</table></div>')
            else:
                body.append(f"<pre>{html.escape(part['data'])}</pre>")
    return PAGE.format(title=html.escape(notebook["name"]), body="\n".join(body))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="+", type=pathlib.Path, metavar="NOTEBOOK")
    parser.add_argument("--save", action="store_true", help="write the results into the notebooks")
    parser.add_argument("--html", type=pathlib.Path, metavar="FOLDER", help="also write each notebook as a page")
    options = parser.parse_args()
    jar = pathlib.Path(os.environ.get("SPARK_SSM_JAR", ROOT / "jobs" / "target" / "spark-ssm-jobs.jar")).resolve()
    for path in options.notebooks:
        notebook = run_notebook(path, jar, render=options.save or options.html is not None)
        if options.save:
            path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if options.html:
            options.html.mkdir(parents=True, exist_ok=True)
            (options.html / (path.stem + ".html")).write_text(page(notebook), encoding="utf-8")


if __name__ == "__main__":
    main()
