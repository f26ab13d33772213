#ifndef VENUSD_BUILD_ENV_H
#define VENUSD_BUILD_ENV_H

#include "venusd/build/build_internal.h"
#include "venusd/build/rust_compile.h"
#include "venusd/build/rust_toolchain.h"

/* What an environment holds. It never changes once a caller has it, so that pool steps may read it.
 */
struct build_env {
	size_t references; /* loop thread */
	struct rust_toolchain toolchain;
	struct digest runtime_source; /* of the runtime crate's files */
	struct rust_crates crates;
	struct digest crates_digest; /* zero: none */
	unsigned edition;
	bool release;
	struct digest digest;
	char *text;
};

#endif
