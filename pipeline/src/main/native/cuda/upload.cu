// What a pass needs of the processor's memory, with what the operations make of it there, in one transfer.
#include <cstring>

#include "rows_by_token.h"
#include "scan.h"
#include "steps.h"

namespace ssm {
namespace {

// Words for the device, in pieces that begin as those that are given.
class Packing {
 public:
  explicit Packing(int64_t words) : size_(words) {}

  void add(const std::vector<int32_t> &values) {
    made_.push_back({divide_up(size_, SSM_CUDA_PIECE_WORDS) * SSM_CUDA_PIECE_WORDS, values});
    size_ = made_.back().first + static_cast<int64_t>(values.size());
  }

  struct Made {
    int64_t first;
    std::vector<int32_t> values;
  };
  const std::vector<Made> &made() const { return made_; }
  int64_t size() const { return size_; }

 private:
  std::vector<Made> made_;
  int64_t size_;
};

void add_made(const ssm_cuda_piece &piece, const int32_t *values, Packing &packing) {
  if (piece.kind == SSM_CUDA_PIECE_OFFSETS) {
    packing.add(first_tiles(piece.words - 1, values));
    packing.add(by_falling_length(piece.words - 1, values));
  } else if (piece.kind == SSM_CUDA_PIECE_TOKENS) {
    const RowsByToken order("upload", values, piece.words, piece.vocabulary);
    packing.add(order.first);
    packing.add(order.sorted);
  }
}

}  // namespace
}  // namespace ssm

extern "C" int32_t ssm_cuda_upload(ssm_cuda_context *context, const int32_t *words, int64_t count,
                                   const ssm_cuda_piece *pieces, int64_t piece_count, float **address) try {
  using namespace ssm;
  Packing packing(count);
  for (int64_t i = 0; i < piece_count; ++i) {
    const ssm_cuda_piece &piece = pieces[i];
    expect(piece.first >= 0 && piece.first % SSM_CUDA_PIECE_WORDS == 0 && piece.words >= 0 &&
               piece.first + piece.words <= count && (piece.kind != SSM_CUDA_PIECE_OFFSETS || piece.words > 0),
           "upload", "a piece is not among the words");
    add_made(piece, words + piece.first, packing);
  }
  int64_t mark[2];
  context->memory.mark(mark);
  *address = context->memory.take(packing.size());
  if (packing.size() == 0) return SSM_CUDA_OK;
  const size_t bytes = static_cast<size_t>(packing.size()) * sizeof(int32_t);
  int32_t *const pinned =
      static_cast<int32_t *>(context->staging.take(bytes, cudaMemcpyHostToDevice, context->stream));
  std::memset(pinned, 0, bytes);
  std::memcpy(pinned, words, static_cast<size_t>(count) * sizeof(int32_t));
  for (const Packing::Made &made : packing.made())
    if (!made.values.empty())
      std::memcpy(pinned + made.first, made.values.data(), made.values.size() * sizeof(int32_t));
  check(cudaSetDevice(context->device), "selecting the GPU");
  check(cudaMemcpyAsync(*address, pinned, bytes, cudaMemcpyHostToDevice, context->stream), "copying to the GPU");
  auto known = [&](int64_t first, int64_t size) {
    context->uploaded.add(mark, pinned + first, static_cast<size_t>(size) * sizeof(int32_t), *address + first);
  };
  for (int64_t i = 0; i < piece_count; ++i)
    if (pieces[i].kind != SSM_CUDA_PIECE_MATRIX) known(pieces[i].first, pieces[i].words);
  for (const Packing::Made &made : packing.made()) known(made.first, static_cast<int64_t>(made.values.size()));
  return SSM_CUDA_OK;
} catch (...) {
  return ssm::status_of_exception();
}
