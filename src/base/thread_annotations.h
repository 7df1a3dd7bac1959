// SPDX-License-Identifier: Apache-2.0
//
// Names for clang's thread-safety analysis; other compilers see nothing.
#pragma once

#if defined(__clang__)
#define FIRN_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define FIRN_THREAD_ATTRIBUTE(x)
#endif

#define FIRN_CAPABILITY(name) FIRN_THREAD_ATTRIBUTE(capability(name))
#define FIRN_SCOPED_CAPABILITY FIRN_THREAD_ATTRIBUTE(scoped_lockable)
#define FIRN_GUARDED_BY(mutex) FIRN_THREAD_ATTRIBUTE(guarded_by(mutex))
#define FIRN_PT_GUARDED_BY(mutex) FIRN_THREAD_ATTRIBUTE(pt_guarded_by(mutex))
#define FIRN_REQUIRES(...) FIRN_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define FIRN_EXCLUDES(...) FIRN_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define FIRN_ACQUIRE(...) FIRN_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define FIRN_RELEASE(...) FIRN_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define FIRN_TRY_ACQUIRE(...) FIRN_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define FIRN_ASSERT_CAPABILITY(x) FIRN_THREAD_ATTRIBUTE(assert_capability(x))
#define FIRN_RETURN_CAPABILITY(x) FIRN_THREAD_ATTRIBUTE(lock_returned(x))
#define FIRN_NO_THREAD_SAFETY_ANALYSIS FIRN_THREAD_ATTRIBUTE(no_thread_safety_analysis)
