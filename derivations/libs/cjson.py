"""JSON in C, in one file."""

from derivations.kit import Recipe, cmake, debian, debian_patches

CJSON = Recipe(
    source=debian(
        "c/cjson/cjson_1.7.18.orig.tar.gz",
        "3aa806844a03442c00769b83e99970be70fbef03735ff898f4811dd03b9f5ee5",
    ),
    patches=(
        # Vulnerabilities that were found after this version.
        debian_patches(
            "c/cjson/cjson_1.7.18-3.1+deb13u1.debian.tar.xz",
            "f6daf5b8b2ccd6ca1f96e4b6fcd7a0e3907f820f75b197367b2ced345d01881d",
            "0001-allocate-memory-for-the-temporary-buffer.patch",
            "CVE-2025-57052.patch-",
        ),
    ),
    description="Reads and writes JSON, for programs in C",
    licence="MIT",
    homepage="https://github.com/DaveGamble/cJSON",
    build=cmake("ENABLE_CJSON_TEST=OFF", "ENABLE_CUSTOM_COMPILER_FLAGS=OFF"),
    upstream=("cmake -DENABLE_CJSON_TEST=ON .", "make", "ctest"),
    seconds=20,
)
