package org.sparkssm.model;

/**
 * Something a model carries from one part of a sequence to the next: its place in a {@link
 * SequenceState}.
 *
 * @param index among the slots of a model
 * @param name for example {@code blocks.0.layer.h}
 * @param columns numbers per sequence, or per step where it grows
 * @param grows whether it keeps a row for every step seen
 * @param carry how it passes a segment
 */
record StateSlot(int index, String name, int columns, boolean grows, Carry carry) {}
