# The Rust runtime crate: its own unit tests, and notebooks that are compiled against it for real, which takes compilers a while on a busy machine.
set_tests_properties(unit_build_rust_text_run_test PROPERTIES TIMEOUT 900)
find_program(VENUS_TEST_RUSTC rustc)
if(VENUS_TEST_RUSTC)
	add_test(NAME unit_runtime_rust COMMAND sh -c
		"'${VENUS_TEST_RUSTC}' --edition 2021 --test -D warnings -O -C debug-assertions=on --crate-name venus -o venus_rust_test \
		'${PROJECT_SOURCE_DIR}/venusd/runtime/rust/venus/src/lib.rs' && ./venus_rust_test --test-threads 2"
		WORKING_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
	set_tests_properties(unit_runtime_rust PROPERTIES LABELS unit TIMEOUT 600)
else()
	message(STATUS "no rustc on PATH: the runtime crate's unit tests are left out")
endif()
