import JSON

// Products: docs.stripe.com/api/products.

extension Account {
    static let productFields = [
        "name", "active", "description", "metadata*", "unit_label", "statement_descriptor",
        "tax_code", "url", "images", "images[]", "shippable", "expand*",
    ]
    static let newProductFields = productFields + ["id", "type"]
    static let maximumImages = 8

    func createProduct(_ parameters: Parameters) throws -> JSONValue {
        let id = parameters.text("id") ?? newID("prod")
        guard try findAny(id) == nil else {
            throw StripeError.invalid(
                "Product already exists.", param: "id", code: "resource_already_exists")
        }
        var product = try JSONValue.shaped(
            Self.productTemplate,
            [
                "id": .string(id), "created": .int(now),
                "name": .string(try parameters.required("name")),
                "metadata": try parameters.metadata(),
                "type": .string(
                    try parameters.choice("type", of: ["service", "good"], default: "service")),
            ])
        try apply(parameters, toProduct: &product)
        try save(product)
        try emit("product.created", product)
        return product
    }

    func updateProduct(_ id: String, _ parameters: Parameters) throws -> JSONValue {
        let old = try getLive(.product, id)
        var product = old
        try apply(parameters, toProduct: &product)
        product.set("metadata", to: try parameters.metadata(merging: old["metadata"] ?? [:]))
        try save(product)
        try emit("product.updated", product, previous: old)
        return product
    }

    private func apply(_ parameters: Parameters, toProduct product: inout JSONValue) throws {
        product.set("updated", to: .int(now))
        if let name = parameters.text("name") { product.set("name", to: .string(name)) }
        if let active = try parameters.bool("active") { product.set("active", to: .bool(active)) }
        for field in ["description", "unit_label", "statement_descriptor", "tax_code", "url"] {
            guard let value = parameters.sent(field) else { continue }
            if field == "url" { try checkURL(value, param: field) }
            product.set(field, to: value.isEmpty ? .null : .string(value))
        }
        let images = parameters.strings("images")
        guard images.count <= Self.maximumImages else {
            throw StripeError.invalid(
                "A product has at most \(Self.maximumImages) images.", param: "images")
        }
        for image in images { try checkURL(image, param: "images") }
        if !images.isEmpty || parameters.sent("images") != nil {
            product.set("images", to: .array(images.map { .string($0) }))
        }
        if let isShippable = try parameters.bool("shippable") {
            product.set("shippable", to: .bool(isShippable))
        }
    }

    func listProducts(_ parameters: Parameters) throws -> JSONValue {
        let active = try parameters.bool("active").map { $0 ? "active" : "inactive" }
        return try page(
            .product, parameters, url: "/v1/products", where: [(.status, active)])
    }

    private static let productTemplate = """
        {"id":null,"object":"product","active":true,"created":0,"default_price":null,
        "description":null,"images":[],"livemode":false,"marketing_features":[],"metadata":{},
        "name":null,"package_dimensions":null,"shippable":null,"statement_descriptor":null,
        "tax_code":null,"type":"service","unit_label":null,"updated":0,"url":null}
        """
}
