//! VAS for Python.
