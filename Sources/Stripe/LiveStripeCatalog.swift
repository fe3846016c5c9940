extension StripeClient {
    mutating func connectCatalog(_ api: StripeAPI) {
        findPrice = { lookupKey throws(StripeError) in
            var filter = StripeForm()
            filter.add("lookup_keys[0]", lookupKey)
            filter.add("active", true)
            return try await api.prices(filter).first { $0.lookupKey == lookupKey }
        }
        retrievePrice = { id throws(StripeError) in
            try await api.price(.get(["prices", id]))
        }
        listPrices = { wanted throws(StripeError) in
            var filter = StripeForm()
            switch wanted {
            case .product(let id): filter.add("product", id)
            case .lookupKey(let key): filter.add("lookup_keys[0]", key)
            }
            return try await api.prices(filter)
        }
        retrieveProduct = { id throws(StripeError) in
            try await api.object(.get(["products", id]), StripeProduct.init) { $0.livemode }
        }
        createProduct = { new, key throws(StripeError) in
            var form = StripeForm()
            form.add("name", new.name)
            form.add("metadata", new.metadata)
            return try await api.object(.post(["products"], form, key), StripeProduct.init) {
                $0.livemode
            }
        }
        createPrice = { new, key throws(StripeError) in
            var form = StripeForm()
            form.add("product", new.productID)
            form.add("currency", new.currency)
            form.add("unit_amount", new.unitAmount)
            form.add("recurring[interval]", new.interval)
            form.add("lookup_key", new.lookupKey)
            form.add("transfer_lookup_key", true)
            form.add("metadata", new.metadata)
            return try await api.price(.post(["prices"], form, key))
        }
        markPrice = { id, metadata, key throws(StripeError) in
            var form = StripeForm()
            form.add("metadata", metadata)
            return try await api.price(.post(["prices", id], form, key))
        }
    }
}

extension StripeAPI {
    fileprivate func price(_ call: StripeCall) async throws(StripeError) -> StripePrice {
        try await object(call, StripePrice.init) { $0.livemode }
    }

    fileprivate func prices(_ filter: StripeForm) async throws(StripeError) -> [StripePrice] {
        try await list(
            ["prices"], filter, StripePrice.init, id: { $0.id }, livemode: { $0.livemode })
    }
}
