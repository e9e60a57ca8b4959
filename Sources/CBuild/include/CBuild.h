#pragma once

/// The commit that this was built from, where the build was told it (Package.swift).
const char *interestd_build_commit(void);
