/* sanitized.h - whether the program was built with a sanitizer, which takes more time and memory and brings a malloc of its own: gcc and clang tell of it in different ways. */
#ifndef TL_SANITIZED_H
#define TL_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#endif
