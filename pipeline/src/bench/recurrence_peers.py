"""The recurrences as JAX and PyTorch users write them: what `recurrences.py` times ours against.

Every JAX form is a function of a dictionary of arrays, [batch, length, ...] where they belong to steps. Where a recurrence has
several forms (step by step, associative, chunked, convolution), all are here and the fastest is the peer. Letters: B batch, L
length, D width, N states, H heads, K key size, V value size, W controls.
"""

import jax
import jax.numpy as jnp


def over_steps(step, state, arrays):
    """jax.lax.scan over the second axis of arrays; outputs in the same layout."""
    _, y = jax.lax.scan(step, state, tuple(jnp.swapaxes(a, 0, 1) for a in arrays))
    return jnp.swapaxes(y, 0, 1)


def affine(left, right):
    """Composition of h -> a h + b: right after left."""
    return left[0] * right[0], right[0] * left[1] + right[1]


# S6: h = exp(delta A) h + delta u B, y = C h.


def selective_scan(x):
    def step(h, now):
        delta, u, b, c = now
        h = jnp.exp(delta[..., None] * x["a"]) * h + (delta * u)[..., None] * b[:, None]
        return h, (h * c[:, None]).sum(-1)

    state = jnp.zeros(x["u"].shape[:1] + x["a"].shape)
    return over_steps(step, state, (x["delta"], x["u"], x["b"], x["c"]))


def selective_associative(x):
    decay = jnp.exp(x["delta"][..., None] * x["a"])
    drive = (x["delta"] * x["u"])[..., None] * x["b"][:, :, None]
    _, h = jax.lax.associative_scan(affine, (decay, drive), axis=1)
    return (h * x["c"][:, :, None]).sum(-1)


# Gated linear attention: S = diag(alpha) S + k v^T, o = S^T q.


def gla_scan(x):
    def step(s, now):
        q, k, v, decay = now
        s = decay[..., None] * s + k[..., None] * v[..., None, :]
        return s, jnp.einsum("bhkv,bhk->bhv", s, q)

    batch, _, heads, keys = x["q"].shape
    state = jnp.zeros((batch, heads, keys, x["v"].shape[-1]))
    return over_steps(step, state, (x["q"], x["k"], x["v"], jnp.exp(x["logAlpha"])))


def in_chunks(a, chunk):
    """[B, L, H, ...] as [chunks, B, H, chunk, ...], padded with zeros."""
    batch, length, heads, last = a.shape
    a = jnp.pad(a, ((0, 0), (0, -length % chunk), (0, 0), (0, 0)))
    return a.reshape(batch, -1, chunk, heads, last).transpose(1, 0, 3, 2, 4)


def from_chunks(a, length):
    chunks, batch, heads, chunk, last = a.shape
    return a.transpose(1, 0, 3, 2, 4).reshape(batch, chunks * chunk, heads, last)[:, :length]


def gla_chunked(chunk):
    """The chunk form of the paper (arXiv 2312.06635, section 4.1): products within and between chunks."""

    def form(x):
        def step(s, now):
            q, k, v, logs = now
            total = jnp.cumsum(logs, axis=-2)
            last = total[..., -1:, :]
            q = q * jnp.exp(total)
            scores = jnp.tril(q @ jnp.swapaxes(k * jnp.exp(-total), -1, -2))
            o = scores @ v + q @ s
            return jnp.exp(jnp.swapaxes(last, -1, -2)) * s + jnp.swapaxes(k * jnp.exp(last - total), -1, -2) @ v, o

        batch, length, heads, keys = x["q"].shape
        state = jnp.zeros((batch, heads, keys, x["v"].shape[-1]))
        _, o = jax.lax.scan(step, state, tuple(in_chunks(x[n], chunk) for n in ("q", "k", "v", "logAlpha")))
        return from_chunks(o, length)

    return form


# Delta rule: S = S (I - beta k k^T) + beta v k^T, o = S q; states kept transposed.


def delta_scan(x):
    def step(s, now):
        q, k, v, beta = now
        error = beta[..., None] * (v - jnp.einsum("bhkv,bhk->bhv", s, k))
        s = s + k[..., None] * error[..., None, :]
        return s, jnp.einsum("bhkv,bhk->bhv", s, q)

    batch, _, heads, keys = x["q"].shape
    state = jnp.zeros((batch, heads, keys, x["v"].shape[-1]))
    return over_steps(step, state, (x["q"], x["k"], x["v"], x["beta"]))


def delta_chunked(chunk):
    """The chunk form of the paper (arXiv 2406.06484, section 3.2): the WY representation.

    The unit triangular matrix is inverted by products, (I + M)^-1 = (I - M)(I + M^2)(I + M^4)..., since M^chunk = 0: JAX's
    batched triangular solve waited for itself on two cores.
    """

    def form(x):
        def step(s, now):
            q, k, v, beta = now
            kt = jnp.swapaxes(k, -1, -2)
            power = jnp.tril(beta * (k @ kt), -1)
            inverse = jnp.eye(chunk) - power
            for _ in range((chunk - 1).bit_length() - 1):
                power = power @ power
                inverse = inverse + inverse @ power
            keys = k.shape[-1]
            wu = inverse @ (beta * jnp.concatenate([k, v], -1))
            error = wu[..., keys:] - wu[..., :keys] @ s
            return s + kt @ error, q @ s + jnp.tril(q @ kt) @ error

        batch, length, heads, keys = x["q"].shape
        state = jnp.zeros((batch, heads, keys, x["v"].shape[-1]))
        arrays = (x["q"], x["k"], x["v"], x["beta"][..., None])
        _, o = jax.lax.scan(step, state, tuple(in_chunks(a, chunk) for a in arrays))
        return from_chunks(o, length)

    return form


# S4D: h = a h + b u per channel, y = 2 Re(c h); rows of complex numbers hold real parts first.


def as_complex(rows):
    half = rows.shape[-1] // 2
    return rows[..., :half] + 1j * rows[..., half:]


def s4d_scan(x):
    a, b, c = (as_complex(x[n]) for n in ("aBar", "bBar", "c"))

    def step(h, now):
        h = a * h + b * now[0][..., None]
        return h, 2 * (c * h).real.sum(-1)

    return over_steps(step, jnp.zeros(x["u"].shape[:1] + a.shape, a.dtype), (x["u"],))


def s4d_filter(x):
    """[D, L], what the impulse at step 0 does at step l."""
    a, b, c = (as_complex(x[n]) for n in ("aBar", "bBar", "c"))
    powers = jnp.exp(jnp.log(a)[..., None] * jnp.arange(x["u"].shape[1]))
    return 2 * jnp.einsum("dn,dnl->dl", c * b, powers).real


def s4d_fft(x):
    length = x["u"].shape[1]
    u = jnp.fft.rfft(jnp.swapaxes(x["u"], 1, 2), 2 * length)
    y = jnp.fft.irfft(u * jnp.fft.rfft(s4d_filter(x), 2 * length), 2 * length)
    return jnp.swapaxes(y[..., :length], 1, 2)


def s4d_toeplitz(x):
    """The convolution as one product of matrices per channel."""
    length = x["u"].shape[1]
    lag = jnp.arange(length)[:, None] - jnp.arange(length)[None]
    matrix = jnp.where(lag >= 0, s4d_filter(x)[:, lag], 0)
    return jnp.einsum("dlm,bmd->bld", matrix, x["u"])


# S5: h = a h + gain u for all channels together, between two products of matrices; rows hold real parts first.


def as_rows(h):
    return jnp.concatenate([h.real, h.imag], -1)


def s5_associative(x):
    drive = as_complex(x["bBar"]) * as_complex(x["u"])
    decay = jnp.broadcast_to(as_complex(x["aBar"]), drive.shape)
    return as_rows(jax.lax.associative_scan(affine, (decay, drive), axis=1)[1])


def s5_scan(x):
    a, drive = as_complex(x["aBar"]), as_complex(x["bBar"]) * as_complex(x["u"])

    def step(h, now):
        h = a * h + now[0]
        return h, h

    return as_rows(over_steps(step, jnp.zeros(drive[:, 0].shape, drive.dtype), (drive,)))


# Linear CDE, Euler: z = z + sum_i A_i z domega_i; the result is the last state.


def linear_cde_scan(x):
    controls = x["dOmega"].shape[-1]

    def step(z, d):
        return z + ((z @ x["a"].T).reshape(len(z), controls, -1) * d[..., None]).sum(1), None

    return jax.lax.scan(step, x["initial"], jnp.swapaxes(x["dOmega"], 0, 1))[0]


def torch_linear_cde(arrays, d_last):
    """Forward and backward of the Euler loop in PyTorch."""
    import torch

    omega, a, initial = (torch.tensor(arrays[n], requires_grad=True) for n in ("dOmega", "a", "initial"))
    cotangent, controls = torch.tensor(d_last), omega.shape[-1]

    def forward():
        z = initial
        for l in range(omega.shape[1]):
            z = z + ((z @ a.T).view(len(z), controls, -1) * omega[:, l, :, None]).sum(1)
        return z

    def both():
        for leaf in (omega, a, initial):
            leaf.grad = None
        forward().backward(cotangent)

    def alone():
        with torch.no_grad():
            forward()

    return alone, both


def mambapy_selective_scan(arrays, dy):
    """Forward and backward of mambapy's parallel scan."""
    import torch
    from mambapy.pscan import pscan

    leaves = [torch.tensor(arrays[n], requires_grad=True) for n in ("delta", "a", "b", "c", "u")]
    cotangent = torch.tensor(dy)

    def forward():
        delta, a, b, c, u = leaves
        decay = torch.exp(delta.unsqueeze(-1) * a)
        drive = (delta * u).unsqueeze(-1) * b.unsqueeze(2)
        return (pscan(decay, drive) @ c.unsqueeze(-1)).squeeze(3)

    def both():
        for leaf in leaves:
            leaf.grad = None
        forward().backward(cotangent)

    def alone():
        with torch.no_grad():
            forward()

    return alone, both


# The Mamba model: encoder, blocks of norm, Mamba and residual, mean over steps, regression.


def mamba_parameters(width, states, blocks):
    inner, rank = 2 * width, (width + 15) // 16
    keys = iter(jax.random.split(jax.random.PRNGKey(0), 8 * blocks + 2))

    def normal(*shape):
        return jax.random.normal(next(keys), shape) / shape[0] ** 0.5

    model = {"encoder": normal(3, width), "encoderBias": jnp.zeros(width), "head": normal(width, 1), "headBias": jnp.zeros(1)}
    model["blocks"] = [
        {"norm": jnp.ones(width), "in": normal(width, 2 * inner), "taps": normal(4, inner), "tapsBias": jnp.zeros(inner),
         "mix": normal(inner, rank + 2 * states), "step": normal(rank, inner), "stepBias": jnp.full(inner, -3.0),
         "logA": jnp.log(jnp.tile(jnp.arange(1.0, states + 1), (inner, 1))), "skip": jnp.ones(inner),
         "out": normal(inner, width)}
        for _ in range(blocks)]  # fmt: skip
    return model


def mamba_output(model, x, scan):
    h = x @ model["encoder"] + model["encoderBias"]
    for p in model["blocks"]:
        z = h * jax.lax.rsqrt((h * h).mean(-1, keepdims=True) + 1e-5) * p["norm"]
        u, gate = jnp.split(z @ p["in"], 2, -1)
        padded = jnp.pad(u, ((0, 0), (3, 0), (0, 0)))
        u = sum(padded[:, i : i + u.shape[1]] * p["taps"][i] for i in range(4)) + p["tapsBias"]
        u = jax.nn.silu(u)
        mix, rank, states = u @ p["mix"], p["step"].shape[0], p["logA"].shape[1]
        delta = jax.nn.softplus(mix[..., :rank] @ p["step"] + p["stepBias"])
        operands = {"u": u, "delta": delta, "a": -jnp.exp(p["logA"]), "b": mix[..., rank : rank + states],
                    "c": mix[..., rank + states :]}  # fmt: skip
        h = h + ((scan(operands) + p["skip"] * u) * jax.nn.silu(gate)) @ p["out"]
    return (h.mean(1) @ model["head"] + model["headBias"])[:, 0]


def mamba_step(width, states, blocks, x, y, scan):
    """A jitted step of Adam, as a function without arguments."""
    model = mamba_parameters(width, states, blocks)
    zeros = jax.tree.map(jnp.zeros_like, model)

    @jax.jit
    def step(model, m, v):
        g = jax.grad(lambda p: ((mamba_output(p, x, scan) - y) ** 2).mean())(model)
        m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
        return jax.tree.map(lambda p, a, b: p - 1e-3 * a / (jnp.sqrt(b) + 1e-8), model, m, v), m, v

    state = [(model, zeros, zeros)]

    def run():
        state[0] = jax.block_until_ready(step(*state[0]))

    return run


def mambapy_step(width, states, blocks, x, y):
    """A step of Adam on mambapy's model, as a function without arguments."""
    import torch
    from mambapy.mamba import Mamba, MambaConfig

    body = Mamba(MambaConfig(d_model=width, n_layers=blocks, d_state=states, use_cuda=False))
    encoder, head = torch.nn.Linear(3, width), torch.nn.Linear(width, 1)
    parameters = [p for part in (encoder, body, head) for p in part.parameters()]
    optimizer = torch.optim.Adam(parameters, 1e-3)
    x, y = torch.tensor(x), torch.tensor(y)

    def run():
        optimizer.zero_grad()
        ((head(body(encoder(x)).mean(1)).squeeze(-1) - y) ** 2).mean().backward()
        optimizer.step()

    return run
