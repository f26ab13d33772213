# Flags of every target, kept on one interface target.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

add_library(venus_flags INTERFACE)
target_compile_definitions(venus_flags INTERFACE _GNU_SOURCE VENUS_VERSION="${PROJECT_VERSION}")
target_include_directories(venus_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/proto)
target_compile_options(venus_flags INTERFACE
	-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
	-Wcast-qual -Wwrite-strings -Wformat=2 -Wconversion -Wimplicit-fallthrough
	$<$<BOOL:${VENUS_WERROR}>:-Werror>
	$<$<AND:$<BOOL:${VENUS_ANALYZER}>,$<C_COMPILER_ID:GNU>>:-fanalyzer;-Wno-analyzer-malloc-leak;-Wno-analyzer-file-leak;-Wno-error=analyzer-null-dereference;-Wno-error=analyzer-possible-null-dereference;-Wno-error=analyzer-use-of-uninitialized-value>
	$<$<CONFIG:Release>:-O2;-D_FORTIFY_SOURCE=3;-fstack-protector-strong;-fstack-clash-protection>
	$<$<CONFIG:Debug>:-O1;-g;-fno-omit-frame-pointer>)
target_link_options(venus_flags INTERFACE -pie -Wl,-z,relro,-z,now)
# Assertions are for bugs and stay on in release.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-O3" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")

if(VENUS_SANITIZE)
	target_compile_options(venus_flags INTERFACE
		-fsanitize=${VENUS_SANITIZE} -fno-sanitize-recover=all)
	target_link_options(venus_flags INTERFACE -fsanitize=${VENUS_SANITIZE})
endif()
if(VENUS_FUZZ)
	target_compile_options(venus_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
