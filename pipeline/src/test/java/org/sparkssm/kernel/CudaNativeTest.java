package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class CudaNativeTest {
  private static final Path HEADER = Path.of("src/main/native/include/ssm_cuda.h");
  private static final Pattern FUNCTION =
      Pattern.compile(
          "(?m)^(?:int32_t|int64_t|void|const char \\*) ?(ssm_cuda_\\w+)\\(([^;]*)\\);");

  @Test
  void everyFunctionOfTheHeaderHasAMethodWithItsParameters() throws IOException {
    Map<String, Integer> functions = new TreeMap<>();
    Matcher matcher = FUNCTION.matcher(Files.readString(HEADER));
    while (matcher.find()) {
      String parameters = matcher.group(2).strip();
      functions.put(matcher.group(1), parameters.equals("void") ? 0 : parameters.split(",").length);
    }
    Map<String, Integer> methods = new TreeMap<>();
    for (Method method : CudaNative.class.getDeclaredMethods()) {
      if (Modifier.isNative(method.getModifiers())) {
        methods.put(method.getName(), method.getParameterCount());
      }
    }
    assertEquals(functions, methods);
  }
}
