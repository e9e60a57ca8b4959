#pragma once

/// The commit that this was built from, as Package.swift saw it; "unknown" outside a checkout.
const char *interestd_build_commit(void);
