import InterestModel
import Testing

@Suite("Behavior catalog")
struct CatalogTests {
  private func entry(_ type: String, _ code: UInt8, _ category: InterestModel.Category = .weak) -> BehaviorCatalog.Entry
  {
    BehaviorCatalog.Entry(type: type, code: code, category: category)
  }

  @Test("entries are found by code, and listed in its order, whatever the order they came in")
  func order() throws {
    let catalog = try BehaviorCatalog([entry("b", 255), entry("a", 3, .payment), entry("c", 1)])
    #expect(catalog.entries.map(\.code) == [1, 3, 255])
    #expect(catalog.entry(code: 3)?.type == "a")
    #expect(catalog.entry(code: 2) == nil)
  }

  @Test("what is wrong with a list is said of the entry where it is")
  func refusals() {
    func fault(_ entries: [BehaviorCatalog.Entry]) -> BehaviorCatalog.Fault? {
      #expect(throws: BehaviorCatalog.Fault.self) { try BehaviorCatalog(entries) }
    }
    let long = String(repeating: "é", count: 128)
    #expect(fault([])?.message.contains("empty") == true)
    #expect(fault([entry("a", 1), entry("", 2)])?.index == 1)
    #expect(fault([entry(long, 1)])?.message.contains("255 bytes") == true)
    #expect(fault([entry("$erase", 1)])?.message.contains("reserved") == true)
    #expect(fault([entry("a", 0)])?.message.contains("codes are 1 to 255") == true)
    #expect(fault([entry("a", 1), entry("b", 2), entry("a", 3)])?.index == 2)
    let shared = fault([entry("a", 1), entry("b", 1)])
    #expect(shared?.index == 1)
    #expect(shared?.message.contains("'a'") == true && shared?.message.contains("'b'") == true)
    #expect((try? BehaviorCatalog([entry(String(repeating: "x", count: 255), 1)])) != nil)
  }

  @Test("categories are known by their four names")
  func categories() {
    #expect(Category.allCases.map(\.name) == ["strong", "weak", "negative", "payment"])
    for category in Category.allCases { #expect(Category(name: category.name) == category) }
    #expect(Category(name: "Strong") == nil)
  }

  @Test("the fold's table knows each code's category, and no other code")
  func rules() throws {
    let catalog = try BehaviorCatalog([entry("a", 1, .payment), entry("b", 255, .negative)])
    let rules = FoldRules(StateConfiguration(catalog: catalog))
    #expect(rules.category(of: 1) == Category.payment.rawValue)
    #expect(rules.category(of: 255) == Category.negative.rawValue)
    for code in 2...254 { #expect(rules.category(of: UInt8(code)) == FoldRules.unknown) }
    #expect(rules.category(of: 0) == FoldRules.unknown)
  }

  @Test("a behavior's type and tag share a word, and neither touches the other")
  func tag() {
    var behavior = Behavior()
    behavior.tag = 0xABCDEF
    behavior.type = 255
    #expect(behavior.tag == 0xABCDEF && behavior.type == 255)
    behavior.tag = 1
    behavior.type = 1
    #expect(behavior.tag == 1 && behavior.type == 1)
    #expect(MemoryLayout<Behavior>.stride == 48)
  }
}
