# venus-worker is a program, so that its tests drive the real one (runtime/harness.c) and let it load the objects built here. Those are
# bare of sanitizers: like cells they come from another compiler, and some of them crash on purpose.
add_library(runtime STATIC runtime/harness.c runtime/toolchain.c)
target_link_libraries(runtime PUBLIC venus_flags common proto_worker PRIVATE cmocka)
target_compile_definitions(runtime PRIVATE
	VENUS_SOURCE_DIR="${PROJECT_SOURCE_DIR}" VENUS_BINARY_DIR="${PROJECT_BINARY_DIR}")

function(runtime_object name)
	add_library(runtime_${name} MODULE runtime/objects/${ARGN})
	set_target_properties(runtime_${name} PROPERTIES OUTPUT_NAME ${name}
		LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/objects)
	target_compile_definitions(runtime_${name} PRIVATE _GNU_SOURCE)
	target_include_directories(runtime_${name} PRIVATE ${PROJECT_SOURCE_DIR})
	target_compile_options(runtime_${name} PRIVATE -Wall -Wextra -O1 -g -fno-builtin -fno-optimize-sibling-calls)
	add_dependencies(runtime runtime_${name})
endfunction()
runtime_object(plain plain.c)
runtime_object(old plain.c)
target_compile_definitions(runtime_old PRIVATE PLAIN_ABI=9999)
runtime_object(cells cells.c)
runtime_object(files files.c)

add_dependencies(runtime venus-worker)
venus_tests(runtime)
target_sources(unit_runtime_text_test PRIVATE ${PROJECT_SOURCE_DIR}/venusd/runtime/text.c)
# These run compilers, which on a busy machine takes its time.
set_tests_properties(unit_runtime_crate_test unit_runtime_std_test PROPERTIES TIMEOUT 600)
