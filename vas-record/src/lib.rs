//! Recording: fragmented MP4 from access units.
