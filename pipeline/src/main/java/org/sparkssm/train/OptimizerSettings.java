package org.sparkssm.train;

import java.io.Serializable;

/**
 * How a gradient moves the parameters.
 *
 * @param momentum of {@link OptimizerKind#SGD}, in [0, 1)
 * @param weightDecay on weight matrices; not on biases, gains of norms, embeddings and the
 *     transitions of a recurrence
 * @param gradientClip greatest Euclidean norm of the mean gradient; 0: no limit
 */
public record OptimizerSettings(
    OptimizerKind kind, double momentum, double weightDecay, double gradientClip)
    implements Serializable {

  /** Checks the ranges. */
  public OptimizerSettings {
    TrainingSettings.expect(momentum >= 0 && momentum < 1, "momentum", momentum, "in [0, 1)");
    TrainingSettings.expect(weightDecay >= 0, "weightDecay", weightDecay, "at least 0");
    TrainingSettings.expect(gradientClip >= 0, "gradientClip", gradientClip, "at least 0");
  }

  /** AdamW. */
  public static OptimizerSettings adamW(double weightDecay, double gradientClip) {
    return new OptimizerSettings(OptimizerKind.ADAMW, 0, weightDecay, gradientClip);
  }
}
