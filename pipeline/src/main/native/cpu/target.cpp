// Compiled once per instruction set, with SSM_TARGET naming it (v2, v3, v4, generic).
#include "target.h"

#include "signature.h"
#include "signature_kernel.h"

#define SSM_JOIN_(a, b) a##b
#define SSM_JOIN(a, b) SSM_JOIN_(a, b)

extern "C" const ssm_target SSM_JOIN(ssm_target_, SSM_TARGET) = {
    SSM_TARGET_NAME,

    SSM_NAMESPACE::signature_forward_f32,
    SSM_NAMESPACE::signature_backward_f32,
    SSM_NAMESPACE::log_signature_forward_f32,
    SSM_NAMESPACE::log_signature_backward_f32,
    SSM_NAMESPACE::signature_forward_f64,
    SSM_NAMESPACE::signature_backward_f64,
    SSM_NAMESPACE::log_signature_forward_f64,
    SSM_NAMESPACE::log_signature_backward_f64,
    SSM_NAMESPACE::signature_kernel_forward_f32,
    SSM_NAMESPACE::signature_kernel_forward_f64,
    SSM_NAMESPACE::signature_kernel_backward_f32,
    SSM_NAMESPACE::signature_kernel_backward_f64,
#define SSM_ENTRY(kernel) &SSM_NAMESPACE::kernel,
    SSM_MODEL_KERNELS(SSM_ENTRY)
#undef SSM_ENTRY
};
