"""Predictions of a saved Mamba regression model, from its files alone, with NumPy in double precision.

    python mamba_predictions.py MODEL_FOLDER SEQUENCES.json

MODEL_FOLDER holds model.json and weights.safetensors; SEQUENCES.json is a list of sequences, each a list of points. Prints
a JSON list of predictions. The equations are those of "Mamba: Linear-Time Sequence Modeling with Selective State Spaces"
(Gu and Dao 2023), written as loops over steps.
"""

import json
import os
import sys

import numpy as np
from safetensors.numpy import load_file


def rms_norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight


def silu(x):
    return x / (1 + np.exp(-x))


def mamba(x, w, prefix, options):
    state = options["state"]
    inner = options["expand"] * x.shape[1]
    taps = options["convolution"]
    value, gate = np.split(x @ w[prefix + "in_proj.weight"].T, 2, axis=1)
    padded = np.concatenate([np.zeros((taps - 1, inner)), value])
    kernel = w[prefix + "conv1d.weight"]
    u = np.stack([(padded[step : step + taps].T * kernel).sum(1) for step in range(len(x))])
    u = silu(u + w[prefix + "conv1d.bias"])
    mix = u @ w[prefix + "x_proj.weight"].T
    step_columns = mix.shape[1] - 2 * state
    delta = np.logaddexp(0, mix[:, :step_columns] @ w[prefix + "dt_proj.weight"].T + w[prefix + "dt_proj.bias"])
    b, c = mix[:, step_columns : step_columns + state], mix[:, step_columns + state :]
    a = -np.exp(w[prefix + "A_log"])
    h = np.zeros((inner, state))
    y = np.empty_like(u)
    for t in range(len(x)):
        h = np.exp(delta[t][:, None] * a) * h + (delta[t] * u[t])[:, None] * b[t]
        y[t] = h @ c[t] + w[prefix + "D"] * u[t]
    return (y * silu(gate)) @ w[prefix + "out_proj.weight"].T


def predict(sequence, w, spec, scaling):
    x = (np.array(sequence) - scaling["mean"]) / scaling["deviation"]
    x = x @ w["encoder.weight"].T + w["encoder.bias"]
    for number, block in enumerate(spec["blocks"]):
        prefix = f"blocks.{number}."
        x = x + mamba(rms_norm(x, w[prefix + "norm.weight"]), w, prefix + "layer.", block["layer"])
    x = rms_norm(x, w["final_norm.weight"])
    read = x.mean(0) if spec["readout"] == "mean" else x[-1]
    output = float((read @ w["head.weight"].T + w["head.bias"])[0])
    return scaling["labelMean"] + scaling["labelDeviation"] * output


def main():
    folder, sequences = sys.argv[1:]
    with open(os.path.join(folder, "model.json")) as file:
        model = json.load(file)
    weights = {name: value.astype(float) for name, value in load_file(os.path.join(folder, "weights.safetensors")).items()}
    with open(sequences) as file:
        print(json.dumps([predict(sequence, weights, model["spec"], model["scaling"]) for sequence in json.load(file)]))


if __name__ == "__main__":
    main()
