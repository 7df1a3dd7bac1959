// SPDX-License-Identifier: Apache-2.0
//
// Asio itself, compiled once: every other file sees declarations only (ASIO_SEPARATE_COMPILATION).
#include <asio/impl/src.hpp>
#include <asio/ssl/impl/src.hpp>
