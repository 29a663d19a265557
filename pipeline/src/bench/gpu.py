"""The kernels and the training of a model on one GPU, against PyTorch on the same GPU. Not yet run on hardware.

  S6 forward and backward     share of the memory bandwidth in bytes that must move (a copy's bandwidth is measured beside
                              it), and time against mamba_ssm's selective_scan where it is installed
  Linear CDE, state 256,      share of the GPU's float32 peak (given by --peak-tflops; 67 for an H100 or H200)
  batch 4096, RK4
  Mamba training, 2 blocks,   sequences per second against the same model in PyTorch with torch.compile
  width 256, state 16

    python gpu.py --peak-tflops 67 [--output results/gpu.json]

Needs a GPU host with nvcc (or pip, which brings it), cmake, PyTorch with CUDA, and the project built by
`mvn -Pcuda -DskipTests package`; SPARK_HOME must not be set.
"""

import argparse
import glob
import json
import os
import subprocess
import tempfile
import time

import machine

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
CUDA = os.path.join(ROOT, "pipeline/src/main/native/cuda")
SCANS = [(32, 100, 512, 16), (32, 1024, 512, 16), (8, 4096, 512, 16)]
SOLVES = [(4096, 100, 3, 256)]
LENGTHS = (100, 1024)
WIDTH, STATE, EXPAND, TAPS, BLOCKS, BATCH = 256, 16, 2, 4, 2, 64


def require_gpu():
    """Ends the script where PyTorch sees no GPU."""
    try:
        import torch
    except ImportError as e:
        machine.fail(f"PyTorch, which it compares with, is not installed: {e}")
    if not torch.cuda.is_available():
        machine.fail(f"PyTorch {torch.__version__} sees no NVIDIA GPU on this machine")


def benchmark():
    """Builds the benchmark program and returns its path."""
    nvcc = os.environ.get("NVCC") or glob.glob(os.path.join(ROOT, "pipeline/target/cuda/**/bin/nvcc"), recursive=True)
    nvcc = nvcc if isinstance(nvcc, str) else (nvcc[0] if nvcc else "nvcc")
    build = os.path.join(ROOT, "pipeline/target/cuda-benchmark")
    subprocess.run(["cmake", "-S", CUDA, "-B", build, "-DSSM_CUDA_TESTS=ON", f"-DSSM_NVCC={nvcc}"], check=True)
    subprocess.run(["cmake", "--build", build, "--parallel", "8", "--target", "cuda_benchmark"], check=True)
    return os.path.join(build, "cuda_benchmark")


def run(program, kernel, shape):
    out = subprocess.run([program, kernel, *map(str, shape)], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def gpu_seconds(call):
    """Seconds of one call on the GPU, the least of five timings."""
    import torch

    for _ in range(3):
        call()
    torch.cuda.synchronize()
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(20):
            call()
        torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - start) / 20)
    return best


def copy_bandwidth():
    """Bytes per second that a copy of 1 GiB reads and writes."""
    import torch

    source = torch.empty(1 << 28, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() * 4 / gpu_seconds(lambda: target.copy_(source))


def peer_scan(shape):
    """Forward and backward seconds of mamba_ssm's selective_scan, or why there are none."""
    try:
        import torch
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except ImportError as e:
        return {"missing": str(e)}
    batch, length, d, n = shape
    random = torch.Generator("cuda").manual_seed(0)

    def normal(*size):
        return torch.randn(*size, device="cuda", generator=random)

    u, delta, z = (normal(batch, d, length).requires_grad_() for _ in range(3))
    a = (-normal(d, n).abs() - 0.1).requires_grad_()
    b, c = (normal(batch, n, length).requires_grad_() for _ in range(2))
    skip, bias = (normal(d).requires_grad_() for _ in range(2))

    def forward():
        return selective_scan_fn(u, delta, a, b, c, skip, z, bias, delta_softplus=True)

    dy = normal(batch, d, length)
    both = gpu_seconds(lambda: forward().backward(dy))
    with torch.no_grad():
        alone = gpu_seconds(forward)
    return {"forwardSeconds": alone, "backwardSeconds": both - alone}


def torch_training(length):
    """Sequences per second of the same model and optimizer in PyTorch with torch.compile."""
    import torch
    from torch import nn

    inner, rank = EXPAND * WIDTH, (WIDTH + 15) // 16

    def plain_scan(u, delta, a, b, c, skip):
        h = u.new_zeros(u.shape[0], u.shape[2], STATE)
        outputs = []
        for t in range(u.shape[1]):
            h = torch.exp(delta[:, t, :, None] * a) * h + (delta[:, t] * u[:, t])[..., None] * b[:, t, None]
            outputs.append((h * c[:, t, None]).sum(-1))
        return torch.stack(outputs, 1) + skip * u

    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

        def scan(u, delta, a, b, c, skip):
            y = selective_scan_fn(*(x.transpose(1, 2).contiguous() for x in (u, delta)), a,
                                  *(x.transpose(1, 2).contiguous() for x in (b, c)), skip)
            return y.transpose(1, 2)

        form = "mamba_ssm selective_scan"
    except ImportError:
        scan, form = plain_scan, "plain loop"

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.into = nn.Linear(WIDTH, 2 * inner, bias=False)
            self.conv = nn.Conv1d(inner, inner, TAPS, groups=inner, padding=TAPS - 1)
            self.mix = nn.Linear(inner, rank + 2 * STATE, bias=False)
            self.step = nn.Linear(rank, inner)
            self.log_a = nn.Parameter(torch.log(torch.arange(1, STATE + 1.0)).repeat(inner, 1))
            self.skip = nn.Parameter(torch.ones(inner))
            self.out = nn.Linear(inner, WIDTH, bias=False)

        def forward(self, x):
            v, z = self.into(x).chunk(2, -1)
            u = nn.functional.silu(self.conv(v.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
            r, b, c = self.mix(u).split([rank, STATE, STATE], -1)
            delta = nn.functional.softplus(self.step(r))
            return x + self.out(scan(u, delta, -torch.exp(self.log_a), b, c, self.skip) * nn.functional.silu(z))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Linear(3, WIDTH)
            self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
            self.head = nn.Linear(WIDTH, 1)

        def forward(self, x):
            x = self.encoder(x)
            for block in self.blocks:
                x = block(x)
            return self.head(x[:, -1])

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(0)
    model = torch.compile(Model().cuda())
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    x, y = torch.randn(BATCH, length, 3, device="cuda"), torch.randn(BATCH, 1, device="cuda")

    def step():
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()

    return {"sequencesPerSecond": BATCH / gpu_seconds(step), "scan": form}


def our_training(length):
    """Sequences per second of `spark-ssm train` on the GPU, as its summary says."""
    with tempfile.TemporaryDirectory() as folder:
        data, model = os.path.join(folder, "data"), os.path.join(folder, "model")
        jar = glob.glob(os.path.join(ROOT, "pipeline/target/*-cuda.jar"))[0]
        environment = {k: v for k, v in os.environ.items() if k != "SPARK_HOME"}
        command = os.path.join(ROOT, "jobs/bin/spark-ssm")
        runtime = os.path.join(ROOT, "jobs/target/runtime")
        link = os.path.join(runtime, os.path.basename(jar))
        if not os.path.exists(link):
            os.symlink(jar, link)

        def spark_ssm(*arguments):
            out = subprocess.run([command, *arguments, "--master", "local[1]"], check=True, capture_output=True,
                                 text=True, env=environment).stdout
            return json.loads(out.strip().splitlines()[-1])

        spark_ssm("generate", "--task", "area", "--count", "8192", "--length", str(length), "--seed", "1",
                  "--output", data)
        summary = spark_ssm("train", "--input", data, "--output", model, "--model", "mamba", "--blocks", str(BLOCKS),
                            "--width", str(WIDTH), "--epochs", "3", "--batch", str(BATCH), "--device", "gpu")
        return {"sequencesPerSecond": summary["sequencesPerSecond"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peak-tflops", type=float, required=True)
    parser.add_argument("--output", default=os.path.join(os.path.dirname(__file__), "results", "gpu.json"))
    arguments = parser.parse_args()
    require_gpu()
    program, bandwidth, rows = benchmark(), copy_bandwidth(), []
    for shape in SCANS:
        row = run(program, "selective_scan", shape)
        total = row["forwardSeconds"] + row["backwardSeconds"]
        row["shareOfBandwidth"] = (row["forwardBytes"] + row["backwardBytes"]) / total / bandwidth
        row["peer"] = peer_scan(shape)
        if "missing" not in row["peer"]:
            row["timesFasterThanPeer"] = (row["peer"]["forwardSeconds"] + row["peer"]["backwardSeconds"]) / total
        rows.append(row)
    for shape in SOLVES:
        row = run(program, "linear_cde", shape)
        for way in ("forward", "backward"):
            row[way + "ShareOfPeak"] = row[way + "Flops"] / row[way + "Seconds"] / (arguments.peak_tflops * 1e12)
        rows.append(row)
    for length in LENGTHS:
        ours, peer = our_training(length), torch_training(length)
        rows.append({"training": "Mamba", "blocks": BLOCKS, "width": WIDTH, "state": STATE, "length": length,
                     "batch": BATCH, "ours": ours, "peer": peer,
                     "timesFasterThanPeer": ours["sequencesPerSecond"] / peer["sequencesPerSecond"]})
    machine.write(arguments.output, "gpu", rows, copyBytesPerSecond=bandwidth, peakTflops=arguments.peak_tflops)


if __name__ == "__main__":
    main()
