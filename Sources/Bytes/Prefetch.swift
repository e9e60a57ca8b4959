internal import CLinux

/// Has memory brought into the processor's caches that is about to be read, while other work goes on. Nothing is read: an address that
/// is out of date does no harm.
public func prefetch(_ start: UnsafeRawPointer, _ count: Int) { interestd_prefetch(start, count) }
