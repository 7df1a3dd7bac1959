// SPDX-License-Identifier: Apache-2.0
//
// Holds no code: a target that owns precompiled headers needs a source (cmake/Targets.cmake).
int main() {}
