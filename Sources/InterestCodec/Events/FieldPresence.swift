/// Which required fields a record has, apart from their values: proto3 cannot tell 0 from nothing, our reader can.
struct FieldPresence: OptionSet {
  let rawValue: UInt8

  static let user = FieldPresence(rawValue: 1)
  static let shop = FieldPresence(rawValue: 2)
  static let type = FieldPresence(rawValue: 4)
  static let time = FieldPresence(rawValue: 8)
}
