import CatalogSync
import Database
import FoundationEssentials
import HTTPEndpoint
import Ledger
import LedgerStore
import Operators
import PageFrame
import Values

/// An edited catalog, as it is typed.
struct CatalogForm: ActForm {
    /// Characters of a catalog's file that a page takes; a larger one is synced by the command.
    private static let maximumLength = 100_000

    let text: String
    let confirmation: Confirmation

    static let about = "The catalog's file, and why."

    init(_ reader: inout ObjectReader) {
        text = reader.required(
            "catalog", .text(1...Self.maximumLength), "As catalog.json, a revision among it.")
        confirmation = Confirmation(&reader)
    }

    /// Browsers end the lines of a form by CR LF.
    var fileText: String { text.replacing("\r\n", with: "\n") }

    /// - Throws: ``Problem`` 422 with every flaw.
    func contents() throws -> CatalogFile.Contents {
        do {
            return try CatalogFile.Contents(text: fileText, name: "the text")
        } catch let error as CatalogError {
            throw Problem.catalogRefused(error)
        }
    }
}

/// An act on an edited catalog, which is kept as the operator's draft.
protocol CatalogAct: ActPage where Input == Void, Form == CatalogForm {}

extension CatalogAct {
    static var about: AboutPage { .console("catalog", "console_act") }

    func read(_ input: inout InputReader) {}

    func fields(_ input: Void) -> [FormField] { [FormField("catalog", .area)] }

    func places(_ input: Void) -> (action: String, back: String) {
        ("/console/catalog/" + Self.name, "/console/catalog")
    }

    /// The operator's draft, else the file of the catalog in force.
    func held(_ input: Void, _ desk: Desk) async throws -> [String: String] {
        let operatorID = desk.session.operatorID
        let text = try await console.database.read { connection in
            try CatalogDraft.find(of: operatorID, in: connection)
                ?? CatalogRevision.latest(in: connection)?.file
        }
        return ["catalog": text ?? ""]
    }

    func question(_ input: Void) async throws -> (values: [String: String], facts: [String]) {
        ([:], [words.html("console.\(Self.name).text")])
    }

    func describe(_ entry: inout OperatorEntry, _ form: CatalogForm, _ input: Void) {}

    func keepDraft(_ form: CatalogForm, _ desk: Desk) async throws {
        let (operatorID, now) = (desk.session.operatorID, console.now)
        try await console.database.write {
            try CatalogDraft.keep(form.text, of: operatorID, in: $0, now: now)
        }
    }
}

/// What an edited catalog would cost whom; a worker reckons it while nobody waits.
struct TryCatalogPage: CatalogAct {
    let console: ConsoleParts

    static let act = OperatorAct.tryCatalog
    static let name = "try"
    static let goesOn = true

    func carryOut(
        _ form: CatalogForm, _ input: Void, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        guard try form.contents().catalogs.contains(where: { $0.product == .career }) else {
            throw Problem.notFound
        }
        try await keepDraft(form, desk)
        let (now, broker) = (console.now, console.broker)
        try await console.database.write { connection in
            try CatalogTrial.enqueue(
                form.fileText, line, requestID: desk.visit.call.id, to: broker, in: connection,
                now: now)
        }
        return Submitted("/console/catalog", notice: "console_begun")
    }
}

/// Puts an edited catalog in force, as `cuebx catalog sync` does, and keeps it as a revision.
struct PublishCatalogPage: CatalogAct {
    let console: ConsoleParts

    static let act = OperatorAct.publishCatalog
    static let name = "publish"
    /// It ends the journal's line itself, with what changed.
    static let goesOn = true

    func carryOut(
        _ form: CatalogForm, _ input: Void, _ desk: Desk, line: UUID
    ) async throws -> Submitted {
        let contents = try form.contents()
        try await keepDraft(form, desk)
        let sync = CatalogSync(database: console.database, clock: console.operators.clock)
        let changes: [String]
        do {
            changes = try await sync.sync(
                contents, dryRun: false, force: false,
                origin: .published(by: desk.session.email, reason: form.confirmation.reason))
        } catch let error as CatalogError {
            throw Problem.catalogRefused(error)
        }
        let operatorID = desk.session.operatorID
        try await console.database.write { try CatalogDraft.forget(of: operatorID, in: $0) }
        let sum = changes.isEmpty ? "nothing differs" : "\(changes.count) changes"
        try await console.operators.journal.finish(
            line, .done, result: ResultTable.text(sum, changes))
        return Submitted("/console/catalog", notice: "console_published")
    }
}

/// The files of catalogs, the newest first.
struct RevisionsPage: ConsolePage {
    let console: ConsoleParts

    static let about = AboutPage.console("catalog")

    func read(_ input: inout InputReader) -> TableQuery { TableQuery(&input) }

    func view(_ query: TableQuery, _ desk: Desk) async throws -> PageView {
        try await page("revisions", query, "/console/catalog/revisions", desk) { limit in
            let before = query.cursor.flatMap { Int64($0) }
            let found = try await console.database.read {
                try CatalogRevision.page(before: before, limit: limit + 1, in: $0)
            }
            return ConsoleTable(
                [
                    .init("revision", isNumber: true), .init("when"), .init("operator"),
                    .init("reason"),
                ],
                found, limit: limit, cursor: { String($0.number) },
                row: { one in
                    [
                        .link(String(one.number), to: "/console/catalog/revisions/\(one.number)"),
                        .time(one.createdAt), .text(one.origin.madeBy), .text(one.origin.reason),
                    ]
                })
        }
    }
}

/// A catalog's file, to take along and to edit.
struct RevisionFile: ConsolePage {
    let console: ConsoleParts

    static let about = AboutPage.console("catalog")

    func read(_ input: inout InputReader) -> Int64? {
        Int64(input.path("revision", .text(1...20), "The catalog's number."))
    }

    func view(_ number: Int64?, _ desk: Desk) async throws -> PageView {
        guard let number,
            let found = try await console.database.read({
                try CatalogRevision.find(number, in: $0)
            })
        else { throw Problem.notFound }
        return PageView(
            .file(
                name: "catalog-\(number).json", contentType: "application/json",
                body: Array(found.file.utf8)))
    }
}

extension Problem {
    /// 422 with every flaw of a catalog, beside the field.
    fileprivate static func catalogRefused(_ error: CatalogError) -> Problem {
        .invalid([
            FieldError(
                ["body", "catalog"], error.flaws.joined(separator: "; "), type: "value_error")
        ])
    }
}
