import Testing

@testable import CueBX

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

struct NoFile: Error {
    let path: String
}

func contents(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "r") else { throw NoFile(path: path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    while case let byte = getc(file), byte != EOF { bytes.append(UInt8(byte)) }
    return bytes
}

/// The vectors that the clients of all languages share, in a folder beside one of those that this
/// file is in.
func vectors(_ name: String) throws -> JSON {
    var folder = #filePath[...]
    while let slash = folder.lastIndex(of: "/") {
        folder = folder[..<slash]
        let path = "\(folder)/scenarios/vectors/\(name).json"
        if access(path, R_OK) == 0 { return try JSON(parsing: try contents(path)) }
    }
    throw NoFile(path: name)
}

private func bytes(ofHex hex: String) -> [UInt8] {
    let digits = Array(hex)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
        UInt8(String(digits[$0..<$0 + 2]), radix: 16)
    }
}

struct VectorTests {
    @Test func payloadsAreHashedAsInAllLanguages() throws {
        let vectors = try vectors("payload_hash")
        for vector in vectors["json"].array ?? [] {
            let value = try JSON(parsing: (vector["json"].text ?? "").utf8)
            let name = vector["name"].text ?? ""
            #expect(
                String(decoding: try value.canonical(), as: UTF8.self) == vector["canonical"].text)
            #expect(try Payload.json(value).hash == vector["sha256"].text, "\(name)")
        }
        for vector in vectors["bytes"].array ?? [] {
            let payload = Payload.bytes(bytes(ofHex: vector["hex"].text ?? ""))
            #expect(payload.hash == vector["sha256"].text)
        }
        for vector in vectors["refused"].array ?? [] {
            #expect(throws: NotJSON.self) { try JSON(parsing: (vector["json"].text ?? "").utf8) }
        }
        #expect(vectors["json"].array?.count ?? 0 > 30)
    }

    @Test func headersAreReadAsInAllLanguages() throws {
        let cases = try vectors("credentials")["cases"].array ?? []
        #expect(cases.count > 20)
        for vector in cases {
            let customer = Customer(
                clientId: "ws_" + String(repeating: "0a", count: 16), apiKey: vector["given"].text)
            let key = customer.apiKey.text
            if let credential = vector["credential"].text {
                #expect(key == credential)
                try Limits.apiKey(key)
                try Limits.token(withoutScheme(vector["given"].text ?? ""))
            } else {
                #expect(throws: CueBXError.self, "\(vector["name"])") { try Limits.apiKey(key) }
                #expect(throws: CueBXError.self) { try Limits.token(key) }
            }
        }
    }

    @Test func aPaymentIsRequiredOfFrozenAndSuspendedWorkspaces() {
        let kinds = ["no_subscription", "workspace_frozen", "workspace_suspended"]
            .compactMap { CueBXError.byCode[$0] }
        #expect(kinds.count == 3)
        for kind in kinds {
            let error = CueBXError(kind, "x")
            #expect(error.is(.paymentRequired) && error.is(kind) && !error.is(.outOfCredits))
        }
        #expect(!CueBXError(.paymentRequired, "x").is(.workspaceFrozen))
    }

    @Test func aSpoolIsReadAsInAllLanguages() throws {
        let files = try vectors("spool")["files"].array ?? []
        #expect(files.count > 10)
        for vector in files {
            let bytes = bytes(ofHex: vector["hex"].text ?? "")
            let newest: SpoolFormat.Version = vector["newest"] == 1 ? .users : .customers
            guard let expected = vector["todo"].array else {
                #expect(throws: SpoolFormat.UnknownVersion.self, "\(vector["name"])") {
                    try SpoolFormat.decode(bytes, newest: newest)
                }
                continue
            }
            let found = SpoolFormat.todo(try SpoolFormat.decode(bytes, newest: newest))
            #expect(found.map(\.usageId) == expected.map { $0["usage_id"].text ?? "" })
            for (left, vector) in zip(found, expected) {
                #expect(left.operations?.wire ?? .null == vector["operations"])
                #expect(left.clientId == vector["client_id"].text ?? "")
                #expect(left.userId == vector["user_id"].text ?? "")
            }
        }
    }

    @Test func whatIsWrittenIsReadAndATornTailIsDropped() throws {
        let records: [JSONObject] = [
            ["r": "open", "usage_id": "a", "user_id": "u"],
            ["r": "outcome", "usage_id": "a", "operations": [["op": "commit", "success": true]]],
        ]
        let header = SpoolFormat.Version.users.header
        let whole = header + records.flatMap { SpoolFormat.encode($0) }
        let first = header.count + SpoolFormat.encode(records[0]).count
        for length in 0...whole.count {
            let read = try SpoolFormat.decode(Array(whole.prefix(length)))
            #expect(
                read == Array(records.prefix(length < first ? 0 : length < whole.count ? 1 : 2)))
        }
    }

    @Test func hashesOfEachLengthAroundABlock() {
        // By sha256sum.
        let known = [
            55: "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318",
            56: "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a",
            64: "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb",
        ]
        for (length, hash) in known {
            #expect(SHA256.hex(of: [UInt8](repeating: UInt8(ascii: "a"), count: length)) == hash)
        }
    }
}
