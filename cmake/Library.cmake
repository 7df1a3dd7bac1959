# SPDX-License-Identifier: Apache-2.0
# libfirn for embedders: the engine's parts as one static and one shared library, with a CMake
# package and a pkg-config file.

set(FIRN_ENGINE_PARTS base io wal memtable table version compaction engine)
foreach(part IN LISTS FIRN_ENGINE_PARTS)
  list(APPEND FIRN_ENGINE_OBJECTS $<TARGET_OBJECTS:firn_${part}>)
endforeach()
file(GLOB FIRN_PUBLIC_HEADERS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/firn/*.h)

function(firn_library name kind)
  add_library(${name} ${kind} ${FIRN_ENGINE_OBJECTS})
  set_target_properties(${name} PROPERTIES
    OUTPUT_NAME firn LINKER_LANGUAGE CXX
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_compile_features(${name} INTERFACE cxx_std_20)
  target_include_directories(${name} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${name} PRIVATE PkgConfig::lz4 PkgConfig::zstd Threads::Threads
    $<BUILD_INTERFACE:firn_build_flags>)
endfunction()

firn_library(firn STATIC)
target_sources(firn PUBLIC FILE_SET HEADERS
  BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${FIRN_PUBLIC_HEADERS})
# `cmake --build … --target all_verify_interface_header_sets` compiles each public header alone.
set_target_properties(firn PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
firn_library(firn_shared SHARED)
# Sanitized libraries leave the sanitizer's own symbols to the program.
if(NOT FIRN_SANITIZE)
  set(FIRN_EXPORTS ${PROJECT_SOURCE_DIR}/cmake/firn.map)
  target_link_options(firn_shared PRIVATE
    -Wl,--no-undefined -Wl,--version-script=${FIRN_EXPORTS})
  set_target_properties(firn_shared PROPERTIES LINK_DEPENDS ${FIRN_EXPORTS})
endif()

include(CMakePackageConfigHelpers)
set(FIRN_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Firn)
set_target_properties(firn firn_shared PROPERTIES EXPORT_NAME firn)
set_target_properties(firn_shared PROPERTIES EXPORT_NAME firn_shared)
install(TARGETS firn firn_shared EXPORT FirnTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT FirnTargets NAMESPACE firn:: DESTINATION ${FIRN_PACKAGE_DIR})
configure_file(cmake/FirnConfig.cmake.in FirnConfig.cmake @ONLY)
write_basic_package_version_file(FirnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/FirnConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/FirnConfigVersion.cmake DESTINATION ${FIRN_PACKAGE_DIR})
# Relative, so that the installed tree can be moved.
file(RELATIVE_PATH FIRN_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/firn.pc.in firn.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/firn.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
