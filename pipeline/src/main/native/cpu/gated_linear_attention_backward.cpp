// Gated linear attention, backward. Lanes run across keys, so that only the gradient of v needs sums across them; the
// state of a vector of keys is [V][parts][lanes]. States are stored at the beginning of every chunk of steps and
// recomputed inside it.
#include <cstring>

#include "gated_linear_attention.h"
#include "target.h"

namespace SSM_NAMESPACE {
namespace {

using namespace gated_linear_attention;

template <bool complex>
struct Space {
  static constexpr int kParts = complex ? 2 : 1;
  float *starts;    // [chunks][V][parts][lanes]
  float *trace;     // [steps][V][parts][lanes]: the states before the steps
  float *gradient;  // [V][parts][lanes], of the state
  float *decays;    // [steps][2][lanes]
  int64_t floats;

  Space(float *base, int64_t values, int64_t longest) {
    const int64_t chunk = chunk_length(longest);
    Pieces pieces(base);
    starts = pieces.take(chunk_count(longest, chunk) * values * kParts);
    trace = pieces.take((chunk + 1) * values * kParts);
    gradient = pieces.take(values * kParts);
    decays = pieces.take(2 * chunk);
    floats = pieces.floats();
  }
};

// after = decay before + k v.
template <bool complex>
SSM_INLINE void advance(int64_t values, Decay decay, Floats k, const float *v, const float *before, float *after) {
  for (int64_t j = 0; j < values; ++j) {
    if (complex) {
      const Floats re = load(before + 2 * j * kLanes), im = load(before + (2 * j + 1) * kLanes);
      store(after + 2 * j * kLanes, decay.re * re + (k * v[j] - decay.im * im));
      store(after + (2 * j + 1) * kLanes, decay.re * im + decay.im * re);
    } else {
      store(after + j * kLanes, decay.re * load(before + j * kLanes) + k * v[j]);
    }
  }
}

// The state of `count` keys from c on, between [keys][values] by parts and [V][parts][lanes].
template <bool complex>
void load_state(const float *row, int64_t part_size, int64_t values, int64_t count, float *packed) {
  constexpr int kParts = complex ? 2 : 1;
  std::memset(packed, 0, values * kParts * kLanes * sizeof(float));
  for (int part = 0; part < kParts && row != nullptr; ++part)
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < values; ++j)
        packed[(j * kParts + part) * kLanes + i] = row[part * part_size + i * values + j];
}

template <bool complex>
void store_state(const float *packed, int64_t part_size, int64_t values, int64_t count, float *row) {
  constexpr int kParts = complex ? 2 : 1;
  for (int part = 0; part < kParts; ++part)
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < values; ++j)
        row[part * part_size + i * values + j] = packed[(j * kParts + part) * kLanes + i];
}

// What one step adds to, all of one vector of keys.
struct StepSums {
  Floats q_re, q_im;  // sums over v of dO and the state before
  Floats k;           // of the gradient and v
  Floats a_re, a_im;  // of the gradient and the conjugate of the state before
};

// The gradients of one value of one step; returns what is to be summed over keys for v.
template <bool complex>
SSM_INLINE Floats retreat(Decay decay, Floats q, Floats k, float output_gradient, float value, const float *before,
                          float *gradient, StepSums *sums) {
  const Floats re = load(before);
  const Floats dr = load(gradient) + output_gradient * q;
  sums->q_re += output_gradient * re;
  sums->k += dr * value;
  if (complex) {
    const Floats im = load(before + kLanes), di = load(gradient + kLanes);
    sums->q_im += output_gradient * im;
    sums->a_re += dr * re + di * im;
    sums->a_im += di * re - dr * im;
    store(gradient, dr * decay.re + di * decay.im);
    store(gradient + kLanes, di * decay.re - dr * decay.im);
  } else {
    sums->a_re += dr * re;
    store(gradient, dr * decay.re);
  }
  return dr * k;
}

template <bool complex>
void backward(int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys, int64_t values, const float *q,
              int64_t q_stride, const float *k, int64_t k_stride, const float *v, int64_t v_stride,
              const float *log_alpha, int64_t log_alpha_stride, const float *phase, int64_t phase_stride,
              const float *initial, int64_t initial_stride, const float *d_o, int64_t d_o_stride, const float *dlast,
              int64_t dlast_stride, float *dq, int64_t dq_stride, float *dk, int64_t dk_stride, float *dv,
              int64_t dv_stride, float *dlog_alpha, int64_t dlog_alpha_stride, float *dphase, int64_t dphase_stride,
              float *dinitial, int64_t dinitial_stride, float *workspace) {
  constexpr int kParts = complex ? 2 : 1;
  const int64_t longest = longest_sequence(batch, offsets), chunk = chunk_length(longest);
  const Space<complex> space(workspace, values, longest);
  const int64_t block = values * kParts * kLanes, part_size = heads * keys * values;
  for (int64_t s = 0; s < batch; ++s)
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t begin = offsets[s], length = offsets[s + 1] - begin;
      const int64_t chunks = chunk_count(length, chunk);
      for (int64_t row = begin; row < offsets[s + 1] && keys == 0; ++row)
        std::memset(dv + row * dv_stride + head * values, 0, values * sizeof(float));
      for_each_vector(1, keys, [&](int64_t, int64_t c, int64_t count) {
        const int64_t key = head * keys + c, at = key * values;
        auto load_decays = [&](int64_t start, int64_t steps) {
          for (int64_t l = 0; l < steps; ++l) {
            const Decay decay = decay_of<complex>(
                load_up_to(log_alpha + (start + l) * log_alpha_stride + key, count),
                complex ? load_up_to(phase + (start + l) * phase_stride + key, count) : Floats{});
            store(space.decays + 2 * l * kLanes, decay.re);
            store(space.decays + (2 * l + 1) * kLanes, decay.im);
          }
        };
        auto decay_at = [&](int64_t l) {
          return Decay{load(space.decays + 2 * l * kLanes), load(space.decays + (2 * l + 1) * kLanes)};
        };
        auto advance_at = [&](int64_t start, int64_t l, const float *before, float *after) {
          advance<complex>(values, decay_at(l), load_up_to(k + (start + l) * k_stride + key, count),
                           v + (start + l) * v_stride + head * values, before, after);
        };

        load_state<complex>(initial == nullptr ? nullptr : initial + s * initial_stride + at, part_size, values,
                            count, chunks == 0 ? space.trace : space.starts);
        for (int64_t n = 0; n + 1 < chunks; ++n) {
          float *state = space.starts + (n + 1) * block;
          load_decays(begin + n * chunk, chunk);
          for (int64_t l = 0; l < chunk; ++l)
            advance_at(begin + n * chunk, l, l == 0 ? space.starts + n * block : state, state);
        }

        load_state<complex>(dlast == nullptr ? nullptr : dlast + s * dlast_stride + at, part_size, values, count,
                            space.gradient);
        for (int64_t n = chunks - 1; n >= 0; --n) {
          const int64_t start = begin + n * chunk;
          const int64_t steps = length - n * chunk < chunk ? length - n * chunk : chunk;
          load_decays(start, steps);
          std::memcpy(space.trace, space.starts + n * block, block * sizeof(float));
          for (int64_t l = 0; l + 1 < steps; ++l)
            advance_at(start, l, space.trace + l * block, space.trace + (l + 1) * block);
          for (int64_t l = steps - 1; l >= 0; --l) {
            const int64_t row = start + l;
            const Decay decay = decay_at(l);
            const Floats query = load_up_to(q + row * q_stride + key, count);
            const Floats input = load_up_to(k + row * k_stride + key, count);
            const float *value = v + row * v_stride + head * values;
            const float *output_gradient = d_o + row * d_o_stride + head * values;
            const float *before = space.trace + l * block;
            float *value_gradient = dv + row * dv_stride + head * values;
            StepSums sums = {};
            Floats products = {};
            for (int64_t j = 0; j < values; j += kLanes)
              products += load_up_to(output_gradient + j, values - j) * load_up_to(value + j, values - j);
            const float through = sum_of_lanes(products);
            for (int64_t j0 = 0; j0 < values; j0 += kLanes) {
              Floats sum = sums_of_lanes(j0, values - j0, [&](int64_t j) __attribute__((always_inline)) {
                return retreat<complex>(decay, query, input, output_gradient[j], value[j], before + j * kParts * kLanes,
                                        space.gradient + j * kParts * kLanes, &sums);
              });
              if (c > 0) sum += load_up_to(value_gradient + j0, values - j0);
              store_up_to(value_gradient + j0, sum, values - j0);
            }
            Floats to_q = decay.re * sums.q_re + input * through;
            Floats to_log = decay.re * sums.a_re;
            if (complex) {
              to_q -= decay.im * sums.q_im;
              to_log += decay.im * sums.a_im;
              store_up_to(dphase + row * dphase_stride + key, decay.re * sums.a_im - decay.im * sums.a_re, count);
            }
            store_up_to(dq + row * dq_stride + key, to_q, count);
            store_up_to(dk + row * dk_stride + key, sums.k, count);
            store_up_to(dlog_alpha + row * dlog_alpha_stride + key, to_log, count);
          }
        }
        if (dinitial != nullptr)
          store_state<complex>(space.gradient, part_size, values, count, dinitial + s * dinitial_stride + at);
      });
    }
}

}  // namespace

int32_t gated_linear_attention_backward_f32(
    int64_t batch, const int32_t *offsets, int64_t heads, int64_t keys, int64_t values, const float *q,
    int64_t q_stride, const float *k, int64_t k_stride, const float *v, int64_t v_stride, const float *log_alpha,
    int64_t log_alpha_stride, const float *phase, int64_t phase_stride, const float *initial, int64_t initial_stride,
    const float *d_o, int64_t d_o_stride, const float *dlast, int64_t dlast_stride, float *dq, int64_t dq_stride,
    float *dk, int64_t dk_stride, float *dv, int64_t dv_stride, float *dlog_alpha, int64_t dlog_alpha_stride,
    float *dphase, int64_t dphase_stride, float *dinitial, int64_t dinitial_stride, float *workspace) {
  if (batch < 0 || heads < 0 || keys < 0 || values < 0) return SSM_INVALID_ARGUMENT;
  (phase == nullptr ? backward<false> : backward<true>)(
      batch, offsets, heads, keys, values, q, q_stride, k, k_stride, v, v_stride, log_alpha, log_alpha_stride, phase,
      phase_stride, initial, initial_stride, d_o, d_o_stride, dlast, dlast_stride, dq, dq_stride, dk, dk_stride, dv,
      dv_stride, dlog_alpha, dlog_alpha_stride, dphase, dphase_stride, dinitial, dinitial_stride, workspace);
  return SSM_OK;
}

int64_t gated_linear_attention_backward_workspace_f32(int64_t values, int32_t complex, int64_t longest) {
  return complex ? Space<true>(nullptr, values, longest).floats : Space<false>(nullptr, values, longest).floats;
}

}  // namespace SSM_NAMESPACE
