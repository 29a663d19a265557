// Structured Linear CDE with few coefficients a row, backward: the adjoint of the truncated series, part by part, for
// as many sequences as a vector has lanes. What the gradients of coefficients are products of is kept for some terms, over
// which they are then summed in registers.
#include "interleaved_cde.h"

namespace SSM_NAMESPACE {
namespace interleaved_cde {
namespace {

constexpr int kEvents = 16;  // terms whose factors are kept
constexpr int kTile = 4;     // coefficients, or terms, that are summed side by side
constexpr int kControls = 3;

struct Space {
  Pieces pieces;
  float *scratch;
  float *c;
  float *g;       // gradient of the state
  float *states;  // before each part, and after the last
  float *terms;
  float *dterm;
  float *product;
  float *force;
  float *dforce;
  float *increments;
  float *left, *right;        // [events][stride], the factors of the gradients of coefficients
  float *event_increments;    // [events][controls][lanes]
  int32_t *left_of, *right_of;  // [coefficients], which of the factors
  int32_t *active;
  int64_t stride;

  Space(float *base, int64_t count, int64_t size, int64_t coefficients, int64_t controls) : pieces(base) {
    auto take_indices = [&](int64_t n) {
      return reinterpret_cast<int32_t *>(pieces.take(padded(n) / kLanes));
    };
    scratch = pieces.take(size);
    c = pieces.take(coefficients);
    g = pieces.take(count);
    states = pieces.take((kMostParts + 1) * count);
    terms = pieces.take(kMostTerms * count);
    for (float **piece : {&dterm, &product, &force, &dforce}) *piece = pieces.take(count);
    increments = pieces.take(controls);
    stride = (count + size + 1) * kLanes;  // no power of two, so that terms spread over the sets of the cache
    left = pieces.take(kEvents * (count + size + 1));
    right = pieces.take(kEvents * (count + size + 1));
    event_increments = pieces.take(kEvents * controls);
    left_of = take_indices(coefficients);
    right_of = take_indices(coefficients);
    active = take_indices(controls + 1);
  }
};

// Terms whose factors are kept, and what their sums are added to.
class Events {
 public:
  Events(const Space &space, int64_t controls, int64_t coefficients, const float *theta, float *dtheta,
         float *ddomega, int64_t ddomega_stride)
      : space_(space), controls_(controls), coefficients_(coefficients), theta_(theta), dtheta_(dtheta),
        ddomega_(ddomega), ddomega_stride_(ddomega_stride) {}

  // A term's factors are to be written to left() and right() before the call.
  void add(const Step &step) {
    std::copy(space_.increments, space_.increments + controls_ * kLanes,
              space_.event_increments + count_ * controls_ * kLanes);
    std::copy(step.row, step.row + kLanes, row_[count_]);
    if (++count_ == kEvents) flush();
  }

  float *left() const { return space_.left + count_ * space_.stride; }
  float *right() const { return space_.right + count_ * space_.stride; }

  void flush() {
    for (int64_t i = 0; i < controls_; i += kControls) {
      switch (controls_ - i) {
        case 1: flush_of<1>(i); break;
        case 2: flush_of<2>(i); break;
        default: flush_of<kControls>(i);
      }
    }
    count_ = 0;
  }

 private:
  template <int kCount>
  void flush_of(int64_t control) const {
    int moving[kEvents], count = 0;
    for (int e = 0; e < count_; ++e) {
      const float *increments = space_.event_increments + (e * controls_ + control) * kLanes;
      moving[count] = e;
      count += std::any_of(increments, increments + kCount * kLanes, [](float x) { return x != 0; });
    }
    if (count > 0) add_coefficients<kCount>(control, moving, count);
    for (int e = 0; e < count_ && ddomega_ != nullptr; e += kTile) add_increments<kCount>(control, e);
  }

  // dtheta_i += the sums over terms and lanes of increments_i left right.
  template <int kCount>
  void add_coefficients(int64_t control, const int *events, int count) const {
    for (int64_t p = 0; p < coefficients_; p += kLanes) {
      const int64_t here = std::min<int64_t>(coefficients_ - p, kLanes);
      Floats sums[kCount][kLanes];
      for (int64_t q = 0; q < here; q += kTile) {
        int64_t left_at[kTile], right_at[kTile];
        for (int j = 0; j < kTile; ++j) {
          const int64_t k = std::min(p + q + j, coefficients_ - 1);
          left_at[j] = space_.left_of[k] * kLanes;
          right_at[j] = space_.right_of[k] * kLanes;
        }
        Floats sum[kCount][kTile] = {};
        for (int e = 0; e < count; ++e) {
          const float *left = space_.left + events[e] * space_.stride;
          const float *right = space_.right + events[e] * space_.stride;
          const float *increments = space_.event_increments + (events[e] * controls_ + control) * kLanes;
#pragma GCC unroll 4
          for (int j = 0; j < kTile; ++j) {
            const Floats gradient = load(left + left_at[j]) * load(right + right_at[j]);
#pragma GCC unroll 3
            for (int i = 0; i < kCount; ++i) sum[i][j] += gradient * at(increments, i);
          }
        }
        for (int i = 0; i < kCount; ++i)
          for (int j = 0; j < kTile; ++j) sums[i][q + j] = sum[i][j];
      }
      for (int i = 0; i < kCount; ++i) {
        float *target = dtheta_ + (control + i) * coefficients_ + p;
        const Floats sum = sums_of_lanes(0, here, [&](int64_t k) { return sums[i][k]; });
        store_up_to(target, load_up_to(target, here) + sum, here);
      }
    }
  }

  // ddomega_i += sum_p theta_i[p] left right.
  template <int kCount>
  void add_increments(int64_t control, int first) const {
    const float *left[kTile], *right[kTile], *theta[kCount];
    for (int e = 0; e < kTile; ++e) {
      left[e] = space_.left + std::min(first + e, count_ - 1) * space_.stride;
      right[e] = space_.right + std::min(first + e, count_ - 1) * space_.stride;
    }
    for (int i = 0; i < kCount; ++i) theta[i] = theta_ + (control + i) * coefficients_;
    Floats sum[kTile][kCount] = {};
    for (int64_t p = 0; p < coefficients_; ++p) {
      const int64_t left_at = space_.left_of[p] * kLanes, right_at = space_.right_of[p] * kLanes;
      Floats factor[kCount];
#pragma GCC unroll 3
      for (int i = 0; i < kCount; ++i) factor[i] = broadcast(theta[i][p]);
#pragma GCC unroll 4
      for (int e = 0; e < kTile; ++e) {
        const Floats gradient = load(left[e] + left_at) * load(right[e] + right_at);
#pragma GCC unroll 3
        for (int i = 0; i < kCount; ++i) sum[e][i] += factor[i] * gradient;
      }
    }
    for (int e = 0; e < kTile && first + e < count_; ++e)
      for (int s = 0; s < kLanes; ++s) {
        const int64_t row = row_[first + e][s];
        for (int i = 0; i < kCount && row >= 0; ++i) ddomega_[row * ddomega_stride_ + control + i] += sum[e][i][s];
      }
  }

  const Space &space_;
  const int64_t controls_, coefficients_;
  const float *const theta_;
  float *const dtheta_, *const ddomega_;
  const int64_t ddomega_stride_;
  int count_ = 0;
  int64_t row_[kEvents][kLanes];
};

// g becomes the gradient before the part, in the lanes that take it; dforce is added to.
template <typename Structure, typename C>
void part_backward(const Structure &structure, const Space &space, const Step &step, const C &c, Floats size,
                   const float *before, Ints terms, Events &events) {
  const int64_t n = structure.states;
  int most = 0;
  for (int s = 0; s < kLanes; ++s) most = std::max(most, terms[s]);
  std::copy(space.g, space.g + n * kLanes, space.dterm);
  for (int j = most; j >= 1; --j) {
    const Ints live = (Ints)(terms >= j);
    const Floats factor = size / static_cast<float>(j);
    const float *input = j == 1 ? before : space.terms + (j - 2) * n * kLanes;
    for (int64_t i = 0; i < n; ++i) put(space.product, i, where(live, factor * at(space.dterm, i)));
    if (j == 1)
      for (int64_t i = 0; i < n; ++i) put(space.dforce, i, at(space.dforce, i) + at(space.product, i));
    structure.factors(c, space.product, input, events.left(), events.right());
    events.add(step);
    float *to = j == 1 ? space.g : space.dterm;
    structure.times_transposed(c, space.product, space.dterm);
    for (int64_t i = 0; i < n; ++i) put(to, i, at(space.g, i) + where(live, at(space.dterm, i)));
  }
}

}  // namespace

int64_t backward_workspace(int64_t states, int64_t size, int64_t coefficients, int64_t controls) {
  return Space(nullptr, states, size, coefficients, controls).pieces.floats();
}

int32_t backward(int32_t solver, int32_t structure, int64_t batch, const int32_t *offsets, int64_t controls,
                 int64_t states, int64_t size, int64_t coefficients, const int32_t *row_begin, const int32_t *column,
                 const float *domega, int64_t domega_stride, const float *theta, const float *force,
                 int64_t force_stride, const float *initial, int64_t initial_stride, const float *y, int64_t y_stride,
                 const float *dy, int64_t dy_stride, const float *dlast, int64_t dlast_stride, float *ddomega,
                 int64_t ddomega_stride, float *dtheta, float *dforce, int64_t dforce_stride, float *dinitial,
                 int64_t dinitial_stride, float *workspace) {
  const Space space(workspace, states, size, coefficients, controls);
  return with_structure(
      structure, states, size, row_begin, column, space.scratch, [&](auto transition, int64_t expected) -> int32_t {
        if (expected != coefficients) return SSM_INVALID_ARGUMENT;
        transition.pairs(space.left_of, space.right_of);
        Events events(space, controls, coefficients, theta, dtheta, ddomega, ddomega_stride);
        Controls moving(space.active);
        for (int64_t first = 0; first < batch; first += kLanes) {
          const int64_t members = std::min<int64_t>(batch - first, kLanes);
          fetch(states, space.g, [&](int s) {
            return dlast == nullptr || s >= members ? nullptr : dlast + (first + s) * dlast_stride;
          });
          for (int64_t l = longest_sequence(members, offsets + first) - 1; l >= 0; --l) {
            const Step step(members, offsets + first, l);
            step.increments(domega, domega_stride, controls, space.increments, moving);
            for (int s = 0; s < kLanes && ddomega != nullptr; ++s)
              if (step.row[s] >= 0) std::fill_n(ddomega + step.row[s] * ddomega_stride, controls, 0.0f);
            if (dy != nullptr) {
              fetch(states, space.product, step.rows_of(dy, dy_stride));
              for (int64_t n = 0; n < states; ++n) put(space.g, n, at(space.g, n) + at(space.product, n));
            }
            fetch(states, space.states, [&](int s) -> const float * {
              if (step.row[s] < 0) return nullptr;
              if (l > 0) return y + (step.row[s] - 1) * y_stride;
              return initial == nullptr ? nullptr : initial + (first + s) * initial_stride;
            });
            if (force != nullptr) fetch(states, space.force, step.rows_of(force, force_stride));
            const float *f = force == nullptr ? nullptr : space.force;
            // The terms of a single one with one part are the input alone: nothing is recomputed.
            std::fill(space.dforce, space.dforce + states * kLanes, 0.0f);
            auto retreat = [&](const auto &c, const Plan &plan) {
              auto take = [&](int part) {
                float *before = space.states + part * states * kLanes;
                return take_part(transition, plan, step.alive & plan.takes_part(part), c, f, before, space.terms, true,
                                 before + states * kLanes);
              };
              Ints terms = step.alive & 1;
              for (int part = 0; part < plan.most_parts && plan.most_terms > 1; ++part) terms = take(part);
              for (int part = plan.most_parts - 1; part >= 0; --part) {
                if (part < plan.most_parts - 1) terms = take(part);
                part_backward(transition, space, step, c, plan.size, space.states + part * states * kLanes, terms,
                              events);
              }
            };
            with_coefficients(solver, transition, moving, coefficients, space.increments, theta, space.c, retreat);
            if (dforce != nullptr) spread_out(states, space.dforce, step.rows_of(dforce, dforce_stride));
          }
          if (dinitial != nullptr)
            spread_out(states, space.g,
                       [&](int s) { return s >= members ? nullptr : dinitial + (first + s) * dinitial_stride; });
        }
        events.flush();
        return SSM_OK;
      });
}

}  // namespace interleaved_cde
}  // namespace SSM_NAMESPACE
