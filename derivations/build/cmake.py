"""Plans builds from descriptions of projects."""

from derivations.kit import BUILD_TOOLS, Recipe, debian, phase, phases

BOOTSTRAP = (
    # The first cmake builds the second, and goes: its compilation is not worth optimising. Both
    # have their own copies of libraries, none of which reaches what they build.
    'CFLAGS=-O0 CXXFLAGS=-O0 ./bootstrap --prefix="$out" --no-system-libs --no-qt-gui'
    " --docdir=share/doc/cmake --datadir=share/cmake"
    " -- -DCMAKE_BUILD_TYPE=None -DCMAKE_USE_OPENSSL=OFF -DBUILD_TESTING=OFF"
    ' -DBUILD_CursesDialog=OFF -DCMAKE_C_FLAGS="$CFLAGS" -DCMAKE_CXX_FLAGS="$CXXFLAGS"'
)

CMAKE = Recipe(
    source=debian(
        "c/cmake/cmake_3.25.1.orig.tar.gz",
        "1c511d09516af493694ed9baf13c55947a36389674d657a2d5e0ccedc6b291d8",
    ),
    description="Plans builds from descriptions of projects",
    licence="BSD-3-Clause",
    homepage="https://cmake.org/",
    build=phases(
        phase("configure", "cd /build/src", BOOTSTRAP),
        phase("build", "make -C /build/src"),
        phase("install", "make -C /build/src install"),
        tools=BUILD_TOOLS,
        in_tree=True,
    ),
    licences=("Copyright.txt",),
    programs=("cmake", "ctest", "cpack"),
    check=(
        "printf '%s\\n' 'cmake_minimum_required(VERSION 3.5)' 'project(t C)' 'add_library(t t.c)'"
        " > CMakeLists.txt",
        "echo 'int t(void) { return 0; }' > t.c",
        '"$out/bin/cmake" -S . -B made -G "Unix Makefiles"',
        "grep CMAKE_C_COMPILER_ID made/CMakeFiles/3.25.1/CMakeCCompiler.cmake | grep GNU",
    ),
    waive=(
        ("paths", "its modules and pages speak of other folders that are called so"),
        ("scripts", "one, for a Fortran compiler of IBM's, asks for env and bash"),
    ),
    seconds=900,
)
