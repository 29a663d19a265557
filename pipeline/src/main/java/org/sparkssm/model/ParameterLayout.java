package org.sparkssm.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.SeededRandom;

/**
 * Where each parameter of a model lies in one flat vector, and what the model carries from one part
 * of a sequence to the next. Layers add theirs when they are made; the order of adding is the order
 * in the vector.
 */
public final class ParameterLayout {
  private final List<Parameter> parameters;
  private final List<StateSlot> states;
  private final String prefix;

  ParameterLayout() {
    this(new ArrayList<>(), new ArrayList<>(), "");
  }

  private ParameterLayout(List<Parameter> parameters, List<StateSlot> states, String prefix) {
    this.parameters = parameters;
    this.states = states;
    this.prefix = prefix;
  }

  /** The same layout; what is added through the result gets {@code name.} before its name. */
  ParameterLayout child(String name) {
    return new ParameterLayout(parameters, states, prefix + name + ".");
  }

  /** Adds a matrix that weight decay applies to. */
  Parameter addWeight(String name, int rows, int columns, Initializer initializer) {
    return add(name, rows, columns, true, initializer);
  }

  /** Adds a bias, gain or transition: weight decay does not apply. */
  Parameter addFree(String name, int rows, int columns, Initializer initializer) {
    return add(name, rows, columns, false, initializer);
  }

  private Parameter add(
      String name, int rows, int columns, boolean decayed, Initializer initializer) {
    long end = size() + (long) rows * columns;
    if (end > Integer.MAX_VALUE) {
      throw new InvalidInputException(
          "a model has at most " + Integer.MAX_VALUE + " parameters, this one more");
    }
    Parameter parameter = new Parameter(prefix + name, rows, columns, size(), decayed, initializer);
    parameters.add(parameter);
    return parameter;
  }

  /** Adds numbers that are carried along a sequence. */
  StateSlot addState(String name, int columns, Carry carry) {
    return addState(name, columns, false, carry);
  }

  /** Adds numbers of which every step of a sequence leaves a row. */
  StateSlot addGrowingState(String name, int columns) {
    return addState(name, columns, true, Carry.SEQUENTIAL);
  }

  private StateSlot addState(String name, int columns, boolean grows, Carry carry) {
    StateSlot slot = new StateSlot(states.size(), prefix + name, columns, grows, carry);
    states.add(slot);
    return slot;
  }

  /** What a model carries along a sequence. */
  List<StateSlot> states() {
    return Collections.unmodifiableList(states);
  }

  /** Number of elements of all parameters. */
  public int size() {
    if (parameters.isEmpty()) {
      return 0;
    }
    Parameter last = parameters.get(parameters.size() - 1);
    return last.offset() + last.size();
  }

  /** In the order of the vector. */
  public List<Parameter> parameters() {
    return Collections.unmodifiableList(parameters);
  }

  /** Initial values of all parameters; a pure function of the layout and the seed. */
  public double[] initialValues(long seed) {
    double[] values = new double[size()];
    for (int p = 0; p < parameters.size(); p++) {
      Parameter parameter = parameters.get(p);
      double[] drawn = parameter.initializer().draw(SeededRandom.create(seed, p), parameter.size());
      System.arraycopy(drawn, 0, values, parameter.offset(), drawn.length);
    }
    return values;
  }
}
