import Database
import JSON
import Ledger
import Values

/// How what features cost lies in its table.
enum FeatureRows {
    /// - Throws: ``DatabaseError`` where what is stored can be no feature's.
    static func offered(in connection: any DatabaseConnection) throws -> [FeatureCostConfig] {
        try connection.query(
            """
            SELECT feature_key, product_type, internal_cost_credits, token_prices, default_hold,
                maximum_hold_seconds, overuse, late_commit_seconds
            FROM feature_cost_configs WHERE is_active = 1
            """
        ).map { row in
            var reader = row.reader
            return try FeatureCostConfig(
                featureKey: reader.text(), productType: reader.text(),
                internalCost: reader.credits(),
                tokenPrices: tokenPrices(reader.optionalText()),
                defaultHold: reader.optionalCredits(),
                maximumHoldSeconds: reader.optionalCount(),
                overuse: reader.oneOf(FeatureCostConfig.Overuse.self),
                lateCommitSeconds: reader.count())
        }
    }

    static func write(
        _ feature: FeatureCostConfig, to connection: any DatabaseConnection
    ) throws {
        let prices =
            feature.tokenPrices.isEmpty ? nil : CatalogText.tokenPrices(feature).compactText
        try connection.execute(
            """
            INSERT INTO feature_cost_configs
                (feature_key, product_type, internal_cost_credits, token_prices, default_hold,
                maximum_hold_seconds, overuse, late_commit_seconds, is_active)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)
            ON CONFLICT (feature_key) DO UPDATE SET
                product_type = excluded.product_type,
                internal_cost_credits = excluded.internal_cost_credits,
                token_prices = excluded.token_prices, default_hold = excluded.default_hold,
                maximum_hold_seconds = excluded.maximum_hold_seconds,
                overuse = excluded.overuse,
                late_commit_seconds = excluded.late_commit_seconds, is_active = 1
            """,
            [
                .text(feature.featureKey), .text(feature.productType),
                .credits(feature.internalCost), .text(prices),
                .credits(feature.defaultHold), .integer(feature.maximumHoldSeconds),
                .text(feature.overuse.rawValue), .integer(feature.lateCommitSeconds),
            ])
    }

    private static func tokenPrices(_ text: String?) throws -> [TokenPrice] {
        guard let text else { return [] }
        return try CatalogText.tokenPrices(JSONValue.parse(text))
    }
}

/// Prices as JSON texts, in the words of the catalog's file: what the database shows and never
/// looks into.
enum CatalogText {
    static func tokenPrices(_ feature: FeatureCostConfig) -> JSONValue {
        .array(
            feature.tokenPrices.map { price in
                object([
                    ("model", .string(price.model)), ("input", .string(price.input.decimal)),
                    ("cached_input", price.cachedInput.map { .string($0.decimal) }),
                    ("output", .string(price.output.decimal)),
                    ("reasoning", price.reasoning.map { .string($0.decimal) }),
                ])
            })
    }

    static func tokenPrices(_ json: JSONValue) throws -> [TokenPrice] {
        guard let prices = json.array else { throw flaw("token_prices") }
        return try prices.map { price in
            try TokenPrice(
                model: text(price, "model"), input: credits(price, "input"),
                cachedInput: optional(price, "cached_input", credits),
                output: credits(price, "output"),
                reasoning: optional(price, "reasoning", credits))
        }
    }

    static func feature(_ feature: FeatureCostConfig) -> JSONValue {
        object([
            ("feature_key", .string(feature.featureKey)),
            ("product_type", .string(feature.productType)),
            ("internal_cost_credits", .string(feature.internalCost.decimal)),
            ("token_prices", tokenPrices(feature)),
            ("default_hold", feature.defaultHold.map { .string($0.decimal) }),
            ("maximum_hold_seconds", feature.maximumHoldSeconds.map { .int($0) }),
            ("overuse", .string(feature.overuse.rawValue)),
            ("late_commit_seconds", .int(feature.lateCommitSeconds)),
        ])
    }

    static func feature(_ json: JSONValue) throws -> FeatureCostConfig {
        guard let overuse = try FeatureCostConfig.Overuse(rawValue: text(json, "overuse")) else {
            throw flaw("overuse")
        }
        return try FeatureCostConfig(
            featureKey: text(json, "feature_key"), productType: text(json, "product_type"),
            internalCost: credits(json, "internal_cost_credits"),
            tokenPrices: tokenPrices(json["token_prices"] ?? .null),
            defaultHold: optional(json, "default_hold", credits),
            maximumHoldSeconds: optional(json, "maximum_hold_seconds", integer),
            overuse: overuse, lateCommitSeconds: integer(json, "late_commit_seconds"))
    }

    private static func object(_ members: [(String, JSONValue?)]) -> JSONValue {
        .object(
            JSONObject(members.compactMap { name, value in value.map { (key: name, value: $0) } }))
    }

    private static func text(_ json: JSONValue, _ name: String) throws -> String {
        guard let text = json[name]?.string else { throw flaw(name) }
        return text
    }

    private static func credits(_ json: JSONValue, _ name: String) throws -> Credits {
        guard let credits = json[name]?.string.flatMap({ Credits(decimal: $0) }),
            credits >= .zero
        else { throw flaw(name) }
        return credits
    }

    private static func integer(_ json: JSONValue, _ name: String) throws -> Int64 {
        guard let integer = json[name]?.int, CatalogTables.integers.contains(integer) else {
            throw flaw(name)
        }
        return integer
    }

    private static func optional<Value>(
        _ json: JSONValue, _ name: String, _ read: (JSONValue, String) throws -> Value
    ) throws -> Value? {
        json[name] == nil ? nil : try read(json, name)
    }

    private static func flaw(_ name: String) -> DatabaseError {
        DatabaseError.decoding("a stored price has no \(name)")
    }
}
