# SPDX-License-Identifier: Apache-2.0
# How every target of the project is compiled, and the three kinds of target there are.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(lz4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

add_library(firn_build_flags INTERFACE)
target_compile_options(firn_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wimplicit-fallthrough -Werror
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
if(FIRN_SANITIZE)
  target_compile_options(firn_build_flags INTERFACE
    -fsanitize=${FIRN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(firn_build_flags INTERFACE -fsanitize=${FIRN_SANITIZE})
endif()
# The parts that parse bytes from outside are the ones whose branches guide the fuzzer.
set(FIRN_FUZZED_PARTS wal table version node replica peer)

# Headers of others that cost most of what a small file costs are parsed once for all of a kind. A
# file that lacks an include of its own is found by the preset lint and by a release, where parts
# have none.
set(FIRN_HEADERS_part <algorithm> <array> <atomic> <chrono> <cstdint> <functional> <map> <memory>
  <optional> <span> <string> <string_view> <utility> <variant> <vector>)
set(FIRN_HEADERS_fuzzed_part ${FIRN_HEADERS_part})
set(FIRN_HEADERS_test ${FIRN_HEADERS_part} <gtest/gtest.h>)
set(FIRN_HEADERS_rpc <grpcpp/grpcpp.h>
  <firn/v1/cluster.grpc.pb.h> <firn/v1/kv.grpc.pb.h> <firn/v1/storage.grpc.pb.h>)

if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_UNITY_BUILD)
  # A source that is joined to others is not the main file, and GCC takes it for a header.
  target_compile_options(firn_build_flags INTERFACE -Wno-subobject-linkage)
endif()

add_library(firn_precompiled_flags INTERFACE)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
  # It forgets which headers are the system's, and warns of its own strings.
  target_compile_options(firn_precompiled_flags INTERFACE
    -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()

# firn_precompile(TARGET KIND): gives TARGET the precompiled headers of its KIND: part, fuzzed_part,
# test or rpc.
function(firn_precompile target kind)
  set(owner firn_precompiled_${kind})
  if(NOT TARGET ${owner})
    set(source ${PROJECT_SOURCE_DIR})
    cmake_path(APPEND source cmake precompiled.cc)
    if(kind STREQUAL test)  # Compiled as a program is: with other options than a library.
      add_executable(${owner} EXCLUDE_FROM_ALL ${source})
      target_link_libraries(${owner} PRIVATE GTest::gtest)
    else()
      add_library(${owner} OBJECT EXCLUDE_FROM_ALL ${source})
    endif()
    if(kind STREQUAL rpc)
      target_link_libraries(${owner} PRIVATE firn_proto)
    elseif(kind STREQUAL fuzzed_part)
      target_compile_options(${owner} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
    target_link_libraries(${owner} PRIVATE firn_build_flags)
    target_precompile_headers(${owner} PRIVATE ${FIRN_HEADERS_${kind}})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
  target_link_libraries(${target} PRIVATE firn_precompiled_flags)
endfunction()

# firn_part(NAME SOURCES… [USES PARTS…] [LINKS LIBRARIES…] [PRECOMPILED rpc]): one folder under src,
# as a library of its own. USES are the folders below it; that nothing else is included is checked
# by tests/tidy, since all folders share one include root. The target
# all_verify_interface_header_sets checks that each header of the folder compiles alone.
function(firn_part name)
  cmake_parse_arguments(PART "" "PRECOMPILED" "SOURCES;USES;LINKS" ${ARGN})
  add_library(firn_${name} STATIC ${PART_SOURCES})
  target_include_directories(firn_${name} PUBLIC
    ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(firn_${name} PRIVATE firn_build_flags PUBLIC ${PART_LINKS})
  if(FIRN_FUZZ AND name IN_LIST FIRN_FUZZED_PARTS)
    target_compile_options(firn_${name} PRIVATE -fsanitize=fuzzer-no-link)
    firn_precompile(firn_${name} fuzzed_part)
  elseif(PART_PRECOMPILED)
    firn_precompile(firn_${name} ${PART_PRECOMPILED})
  elseif(FIRN_TESTS)
    firn_precompile(firn_${name} part)
  endif()
  foreach(used IN LISTS PART_USES)
    target_link_libraries(firn_${name} PUBLIC firn_${used})
  endforeach()
  if(NOT name MATCHES "_testing$")  # Its folder belongs to another part.
    file(GLOB headers CONFIGURE_DEPENDS *.h)
    list(FILTER headers EXCLUDE REGEX "_testing\\.h$")  # Of tests, which compile them.
    target_sources(firn_${name} PUBLIC FILE_SET HEADERS
      BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${headers})
    set_target_properties(firn_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endfunction()

# What the lanes of the sanitizers build: programs whose labels do not include "rpc". Those stand on
# gRPC, which is not instrumented and takes long to compile; ./dev soak runs them too.
add_custom_target(sanitized_tests)
add_custom_target(concurrent_tests)

# CTest begins with what costs most, so that no long test is left to run alone at the end.
set(FIRN_COST_OF_LONG_TESTS 1000)

# firn_test(NAME SOURCES… LINKS LIBRARIES… [LABELS LABELS…] [TIMEOUT SECONDS] [FILTER PATTERN]): a
# GoogleTest program, one CTest test per TEST; with a pattern only for those that match it. It has
# the golden runner and the simulated seams of io besides what it names. The source folder of the
# caller is FIRN_TEST_SOURCE_DIR, the root of the tree FIRN_SOURCE_ROOT.
function(firn_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT;FILTER" "SOURCES;LINKS;LABELS" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  if(NOT TEST_LABELS)
    set(TEST_LABELS unit)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  if(NOT rpc IN_LIST TEST_LABELS)
    add_dependencies(sanitized_tests ${name})
    if(concurrent IN_LIST TEST_LABELS)
      add_dependencies(concurrent_tests ${name})
    endif()
  endif()
  target_link_libraries(${name} PRIVATE
    firn_build_flags ${TEST_LINKS} firn_io_testing firn_golden GTest::gtest_main)
  firn_precompile(${name} test)
  target_compile_definitions(${name} PRIVATE
    FIRN_TEST_SOURCE_DIR="${CMAKE_CURRENT_SOURCE_DIR}" FIRN_SOURCE_ROOT="${PROJECT_SOURCE_DIR}")
  firn_test_group(${name} FILTER "${TEST_FILTER}" LABELS ${TEST_LABELS} TIMEOUT ${TEST_TIMEOUT})
endfunction()

# firn_test_group(NAME FILTER PATTERN LABELS LABELS… TIMEOUT SECONDS): more tests of a program made
# by firn_test, those that match the pattern, under labels of their own.
function(firn_test_group name)
  cmake_parse_arguments(TEST "" "TIMEOUT;FILTER" "LABELS" ${ARGN})
  # One label, "unit.concurrent": a list does not survive gtest_discover_tests, and ctest -L matches
  # parts of a label.
  list(JOIN TEST_LABELS "." labels)
  if(NOT TEST_FILTER)
    set(TEST_FILTER "*")
  endif()
  set(cost 0)
  if(labels MATCHES "^(long|simulation)$")
    set(cost ${FIRN_COST_OF_LONG_TESTS})
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    TEST_PREFIX "${name}." TEST_FILTER "${TEST_FILTER}"
    PROPERTIES TIMEOUT ${TEST_TIMEOUT} LABELS "${labels}" COST ${cost})
endfunction()
