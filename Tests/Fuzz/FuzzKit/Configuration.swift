import InterestModel

/// The catalog of `Schemas/examples`, from which the seeds are cut.
public func exampleCatalog() -> BehaviorCatalog {
  let entries: [BehaviorCatalog.Entry] = [
    .init(type: "click", code: 1, category: .weak), .init(type: "order", code: 2, category: .payment),
    .init(type: "like", code: 3, category: .strong), .init(type: "leave", code: 255, category: .negative),
  ]
  guard let catalog = try? BehaviorCatalog(entries) else { fail("the catalog of the examples is none") }
  return catalog
}
