import ArgumentParser
import Foundation
import HTTPClient
import JSON
import Service

/// Whose calls are measured: users' by access tokens, or those of customers by API keys.
enum BenchProduct: String, ExpressibleByArgument, CaseIterable, Sendable {
    case career
    case api
}

extension BenchServer.User {
    /// Where its calls are told.
    var path: String { "/\(product)/internal/usage" }

    var feature: String { "\(product).job_match" }

    /// The header of a single validate that says whose call it is; a key stands in the body.
    var authorization: String {
        product == .career ? "Authorization: Bearer \(token)\r\n" : ""
    }

    /// The members of a validate's body that say whose call it is.
    var asking: String {
        product == .career ? "" : #""client_id":"\#(id)","api_key":"\#(token)","#
    }

    /// The same of one in a batch.
    var askingInBatch: String {
        product == .career ? #""token":"\#(token)","# : asking
    }

    /// The member of a commit's body that says whose call it was.
    var holder: String { #""\#(product == .career ? "user_id" : "client_id")":"\#(id)""# }
}

extension BenchServer {
    /// Workspaces on the Free plan, and a key for each client; they are dealt out to the
    /// workspaces.
    func makeKeys(_ count: Int, workspaces: Int) async throws -> [User] {
        let client = HTTPClient()
        defer { client.shutdown() }
        let spaces = try await signUp(workspaces).asyncMap { owner in
            let space = try await post(
                client, "/api/workspaces/activate", [:], token: owner.token, expecting: 200)
            return (space, owner)
        }
        return try await (0..<count).asyncMap { number in
            let (space, owner) = spaces[number % workspaces]
            guard let id = space["id"]?.string, let name = space["client_id"]?.string else {
                throw FriendlyError("no workspace")
            }
            let key = try await post(
                client, "/api/workspaces/\(id)/api-keys",
                ["name": .string("client \(number)"), "is_test_key": false], token: owner.token,
                expecting: 201)
            guard let secret = key["api_key"]?.string else { throw FriendlyError("no key") }
            return User(id: name, token: secret, product: .api)
        }
    }

    /// What `cuebx audit` ends with, over the whole database.
    static func audit(_ database: String) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: binary)
        process.arguments = ["audit"]
        process.environment = ["DATABASE_URL": database]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}

extension Bench {
    /// Live keys that a workspace may have.
    static let mostKeys = 50

    /// One side of the comparison.
    private struct Side {
        let users: [BenchServer.User]
        var load = LoadFigures()
        var cpuSeconds = 0.0

        var cpuMicrosecondsPerCycle: Double { cpuSeconds * 1e6 / Double(load.cycles) }
    }

    /// Calls by key beside users' calls, on one server and in turns.
    func measureKeys(in path: String) async throws {
        let catalog = try BenchServer.writeCatalog(to: path, products: BenchProduct.allCases)
        guard let database else {
            return try await measureKeys(on: "sqlite:\(path)/keys.db", catalog)
        }
        let schemas = try await BenchSchemas(1, in: database)
        do {
            try await measureKeys(on: schemas.urls[0], catalog)
        } catch {
            let reason = error
            do {
                try await schemas.drop()
            } catch {
                note("schemas of the bench are left: \(error)")
            }
            throw reason
        }
        try await schemas.drop()
    }

    private func measureKeys(on database: String, _ catalog: String) async throws {
        let spaces = workspaces ?? options.clients
        // Nobody pays: a local Stripe would want the next port, too. Signing up is not measured.
        let server = try await BenchServer.start(
            database: database, catalog: catalog,
            environment: ["STRIPE_API_BASE": BenchServer.noStripe, "PASSWORD_COST": "4"])
        defer { server.stop() }
        note("signing up \(options.clients) users and \(spaces) workspaces …")
        var career = Side(users: try await server.signUp(options.clients))
        var keys = Side(
            users: try await server.makeKeys(options.clients, workspaces: spaces))
        for round in 1...turns.rounds {
            note("round \(round): users' calls …")
            try await run(&career, on: server)
            note("round \(round): calls by key …")
            try await run(&keys, on: server)
        }
        let resident = server.residentMiB()
        server.stop()
        let isSound = try BenchServer.audit(database) == 0
        let errors = career.load.errors + keys.load.errors
        try options.report([
            "clients": .int(Int64(options.clients)), "batched": .bool(batched),
            "workspaces": .int(Int64(spaces)), "keys": .int(Int64(keys.users.count)),
            "cycles_per_second": number(keys.load.cyclesPerSecond),
            "career_cycles_per_second": number(career.load.cyclesPerSecond),
            "ratio": number(keys.load.cyclesPerSecond / career.load.cyclesPerSecond),
            "rounds": .int(Int64(turns.rounds)),
            "validate_ms": percentiles(keys.load.validate),
            "commit_ms": percentiles(keys.load.commit),
            "career_validate_ms": percentiles(career.load.validate),
            "server_cpu_us_per_cycle": number(keys.cpuMicrosecondsPerCycle),
            "career_server_cpu_us_per_cycle": number(career.cpuMicrosecondsPerCycle),
            "resident_mib": number(resident), "audit_is_sound": .bool(isSound),
            "errors": .int(Int64(errors)),
        ])
        guard errors == 0 else { throw FriendlyError("some requests were not granted") }
        guard isSound else { throw FriendlyError("the audit has findings") }
    }

    private func run(_ side: inout Side, on server: BenchServer) async throws {
        let before = server.cpuSeconds()
        side.load += try await load(server.port, side.users, seconds: turns.span)
        side.cpuSeconds += server.cpuSeconds() - before
    }
}
