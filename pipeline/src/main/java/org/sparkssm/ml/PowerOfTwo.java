package org.sparkssm.ml;

import java.io.Serializable;
import scala.runtime.AbstractFunction1;

/** Accepts the powers of two from 1 to 65,536. */
final class PowerOfTwo extends AbstractFunction1<Object, Object> implements Serializable {
  private static final long serialVersionUID = 1L;

  @Override
  public Object apply(Object value) {
    int number = (int) value;
    return number >= 1 && number <= 1 << 16 && Integer.bitCount(number) == 1;
  }
}
