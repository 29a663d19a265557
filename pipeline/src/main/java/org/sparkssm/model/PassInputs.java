package org.sparkssm.model;

import java.util.List;
import org.sparkssm.kernel.Tensor;

/**
 * What a pass takes of its batch, where the kernels compute.
 *
 * @param times [T, 1], time since the sequence's start in units of the time scale
 * @param input [T, columns of the input]; null where rows are tokens
 * @param target [R, 1], labels in scaled units; null where there are none
 * @param dropoutKeys of each block: one per row, or none where it drops nothing
 */
record PassInputs(Tensor times, Tensor input, Tensor target, List<long[]> dropoutKeys) {}
