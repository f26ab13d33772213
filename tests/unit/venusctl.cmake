# venusctl is a program: its parts are the library ctl, and process_test runs the program itself against a daemon of its own.
venus_program(fake_venusd SOURCES venusctl/fake_venusd.c DEPS common proto_venus ${NNG_LIBRARY} Threads::Threads)
set_target_properties(fake_venusd PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
venus_tests(venusctl LIBRARY ctl DEPS common proto_venus PkgConfig::jansson)
add_dependencies(unit_venusctl_process_test venusctl fake_venusd)
