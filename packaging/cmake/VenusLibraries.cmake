# Libraries: Debian packages through pkg-config, grammars through npm (packaging/install-deps puts both in place).
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Threads REQUIRED)
foreach(module libuv libprotobuf-c sqlite3 liblz4 jansson tree-sitter)
	string(REGEX REPLACE "^lib" "" name ${module})
	pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
endforeach()
find_program(PROTOC_C protoc-c REQUIRED)

# The grammar is unpacked into the build tree from the pinned package, never committed.
set(grammars ${PROJECT_SOURCE_DIR}/build/npm/node_modules)
if(NOT EXISTS ${grammars}/tree-sitter-rust/src/parser.c)
	message(FATAL_ERROR "tree-sitter-rust is not unpacked in build/npm: run packaging/install-deps first")
endif()
add_library(tree-sitter-rust STATIC
	${grammars}/tree-sitter-rust/src/parser.c ${grammars}/tree-sitter-rust/src/scanner.c)
target_include_directories(tree-sitter-rust PRIVATE ${grammars}/tree-sitter-rust/src)
target_compile_options(tree-sitter-rust PRIVATE -O2 -w)
target_link_libraries(tree-sitter-rust PUBLIC PkgConfig::tree-sitter)
