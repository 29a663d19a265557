"""Facts of the machine a benchmark ran on, and the envelope every result file shares."""

import ctypes
import json
import os
import platform
import subprocess
import sys
import tempfile
import time


def facts():
    """Processor, cores and memory of this machine, and the versions of what was compared."""
    model = ""
    with open("/proc/cpuinfo") as cpuinfo:
        lines = cpuinfo.read().splitlines()
    for line in lines:
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    flags = next((line for line in lines if line.startswith("flags")), "")
    with open("/proc/meminfo") as meminfo:
        kib = int(meminfo.readline().split()[1])
    java = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr.splitlines()[0]
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "avx512": "avx512f" in flags,
        "memoryGiB": round(kib / 2**20, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "java": java,
    }


def fma_peak(precision):
    """Multiply-adds of one core in independent chains, as floating-point operations a second; precision: f32 or f64."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fma_peak.c")
    with tempfile.TemporaryDirectory() as folder:
        library = os.path.join(folder, "fma_peak.so")
        subprocess.run(["cc", "-O3", "-march=native", "-shared", "-fPIC", source, "-o", library], check=True)
        function = getattr(ctypes.CDLL(library), f"fma_peak_{precision}")
        function.restype = ctypes.c_double
        return function()


def write(path, name, rows, **more):
    """Writes a result file and prints it."""
    result = {"benchmark": name, "date": time.strftime("%Y-%m-%d"), "machine": facts(), **more, "rows": rows}
    text = json.dumps(result, indent=2)
    with open(path, "w") as out:
        out.write(text + "\n")
    print(text)


def noted(row, notes):
    """The row; if its target is missed, with what is known of it: the first of `notes`, (fields, what is known), that fits the row
    or its shape."""
    row = {name: value for name, value in row.items() if name not in ("profile", "bound", "tried")}
    fields = {**row.get("shape", {}), **row}
    for where, known in notes:
        if not row.get("met", True) and where.items() <= fields.items():
            return {**row, **known}
    return row


def fail(message):
    """Ends with one sentence."""
    sys.exit(f"{os.path.basename(sys.argv[0])}: {message}")
