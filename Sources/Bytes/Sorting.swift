/// Insertion sort, for short runs.
@inlinable @inline(__always)
public func insertionSort<Element: BitwiseCopyable>(
  _ base: UnsafeMutablePointer<Element>, _ count: Int, _ precedes: (Element, Element) -> Bool
) {
  var index = 1
  while index < count {
    let moving = base[index]
    var hole = index
    while hole > 0 && precedes(moving, base[hole &- 1]) {
      base[hole] = base[hole &- 1]
      hole &-= 1
    }
    base[hole] = moving
    index &+= 1
  }
}

/// Sorts in place and without allocating, as the standard library's sort does not: quicksort around a median of three, insertion
/// sort below 24 elements, heapsort where the recursion goes deep. Not stable.
@inlinable
public func introsort<Element: BitwiseCopyable>(
  _ base: UnsafeMutablePointer<Element>, _ count: Int, _ precedes: (Element, Element) -> Bool
) {
  var depth = 0
  while count &>> depth > 0 { depth &+= 1 }
  introsort(base, count, depth: 2 &* depth, precedes)
}

@inlinable
func introsort<Element: BitwiseCopyable>(
  _ base: UnsafeMutablePointer<Element>, _ count: Int, depth: Int, _ precedes: (Element, Element) -> Bool
) {
  var count = count
  var depth = depth
  while count > 24 {
    if depth == 0 { return heapsort(base, count, precedes) }
    depth &-= 1
    let split = partition(base, count, precedes)
    introsort(base + split, count &- split, depth: depth, precedes)
    count = split
  }
  insertionSort(base, count, precedes)
}

/// Moves the first `wanted` elements of the order to the front, in no order among themselves: quickselect around a median of three.
@inlinable
public func selectFirst<Element: BitwiseCopyable>(
  _ wanted: Int, of base: UnsafeMutablePointer<Element>, _ count: Int, _ precedes: (Element, Element) -> Bool
) {
  var base = base
  var count = count
  var wanted = wanted
  var depth = 0
  while count &>> depth > 0 { depth &+= 1 }
  depth = 2 &* depth
  while wanted > 0 && wanted < count {
    if count <= 24 || depth == 0 { return introsort(base, count, precedes) }
    depth &-= 1
    let split = partition(base, count, precedes)
    if wanted < split {
      count = split
    } else {
      base += split
      count &-= split
      wanted &-= split
    }
  }
}

/// Parts more than two elements around a median of three: none before the result comes after one behind it, and neither part is empty.
@inlinable @inline(__always)
func partition<Element: BitwiseCopyable>(
  _ base: UnsafeMutablePointer<Element>, _ count: Int, _ precedes: (Element, Element) -> Bool
) -> Int {
  let a = base[0]
  let b = base[count &>> 1]
  let c = base[count &- 1]
  let pivot =
    precedes(a, b) ? (precedes(b, c) ? b : (precedes(a, c) ? c : a)) : (precedes(a, c) ? a : (precedes(b, c) ? c : b))
  var low = 0
  var high = count &- 1
  while true {
    while precedes(base[low], pivot) { low &+= 1 }
    while precedes(pivot, base[high]) { high &-= 1 }
    if low >= high { break }
    (base[low], base[high]) = (base[high], base[low])
    low &+= 1
    high &-= 1
  }
  return high &+ 1
}

@inlinable
func heapsort<Element: BitwiseCopyable>(
  _ base: UnsafeMutablePointer<Element>, _ count: Int, _ precedes: (Element, Element) -> Bool
) {
  func sink(_ root: Int, _ end: Int) {
    var root = root
    while true {
      var child = 2 &* root &+ 1
      if child >= end { return }
      if child &+ 1 < end && precedes(base[child], base[child &+ 1]) { child &+= 1 }
      if !precedes(base[root], base[child]) { return }
      (base[root], base[child]) = (base[child], base[root])
      root = child
    }
  }
  for root in stride(from: count / 2 - 1, through: 0, by: -1) { sink(root, count) }
  for end in stride(from: count - 1, to: 0, by: -1) {
    (base[0], base[end]) = (base[end], base[0])
    sink(0, end)
  }
}
