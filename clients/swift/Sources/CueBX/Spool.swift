/// Until the next look, if another process is looking.
private let lookAgain = Duration.seconds(1)

/// What a process must not forget. Records that gather while the disk syncs share the next sync.
@ClientActor
final class Spool {
    /// Set once the files that others have left were looked for.
    let hasLooked = Signal()
    /// Nil: in memory, kept by nobody.
    private let disk: SpoolDisk?
    private let events: Events
    private let outage: Outage
    private let adoptEvery: Duration
    private let adopt: @ClientActor (SpoolFormat.Todo) -> Void
    private var queue: [(record: JSONObject, written: Written?)] = []
    private var writing: Task<Void, Never>?
    private var looking: Task<Void, Never>?
    /// Of which versions there is a file to write to, as far as is known.
    private var hasFile: Set<SpoolFormat.Version> = []

    /// Called once the record is on the disk, or with whether that failed.
    typealias Written = @ClientActor (_ hasFailed: Bool) -> Void

    /// - folder: made with mode 0700 if it is not there.
    /// - adopt: called with what another process has left to do.
    init(
        folder: String?, adoptEvery: Duration, events: Events, outage: Outage,
        adopt: @escaping @ClientActor (SpoolFormat.Todo) -> Void
    ) {
        disk = folder.map { SpoolDisk(folder: $0) }
        self.adoptEvery = adoptEvery
        self.events = events
        self.outage = outage
        self.adopt = adopt
        if disk == nil || adoptEvery <= .zero {
            hasLooked.set()
        } else {
            looking = Task { @ClientActor [weak self] in
                while !Task.isCancelled {
                    let isOver = await self?.look() ?? true
                    do {
                        try await Task.sleep(for: isOver ? adoptEvery : min(lookAgain, adoptEvery))
                    } catch {
                        return
                    }
                }
            }
        }
    }

    /// Throws `spoolUnavailable` if there is no file of the version to write to.
    func ensure(_ version: SpoolFormat.Version = .users) async throws {
        guard let disk, !hasFile.contains(version) else { return }
        do {
            try await disk.ensure(version)
            hasFile.insert(version)
        } catch {
            let reason = tell(error)
            throw CueBXError(.spoolUnavailable, "The spool cannot be written: \(reason).")
        }
    }

    func append(_ record: JSONObject, written: Written? = nil) {
        queue.append((record, written))
        guard writing == nil else { return }
        writing = Task { @ClientActor in await writeAll() }
    }

    private func writeAll() async {
        while !queue.isEmpty {
            let batch = queue
            queue = []
            for version in SpoolFormat.Version.allCases {
                let some = batch.filter { SpoolFormat.Version(of: $0.record) == version }
                if some.isEmpty { continue }
                let hasFailed = await write(
                    some.map(\.record), version, some.contains { $0.written != nil })
                for (_, written) in some { written?(hasFailed) }
            }
            if let changes = outage.takeChanges() { await disk?.keep(holds: changes) }
        }
        writing = nil
    }

    /// Whether it failed.
    private func write(
        _ records: [JSONObject], _ version: SpoolFormat.Version, _ mustSync: Bool
    ) async -> Bool {
        guard let disk else { return false }
        do {
            try await disk.write(records, version, mustSync: mustSync)
            return false
        } catch {
            tell(error)
            hasFile.remove(version)
            return true
        }
    }

    /// Keeps for a person what the service refused for good.
    func layAside(_ operation: JSONObject, status: Int, answer: JSON) async {
        guard let disk else { return }
        do {
            try await disk.layAside([
                "operation": .object(operation), "status": .int(status), "answer": answer,
                "at": .int(unixMilliseconds()),
            ])
        } catch {
            tell(error)
        }
    }

    /// Whether all was looked at; else another process is looking.
    private func look() async -> Bool {
        guard let disk else { return true }
        let adopted = await disk.look()
        outage.sawBefore(adopted.holds)
        for name in adopted.unknown { events.tell("spool_unknown", ["file": name]) }
        for (name, usages) in adopted.files {
            events.tell("spool_adopted", ["file": name, "usages": String(usages)])
        }
        for left in adopted.left { adopt(left) }
        hasLooked.set()
        return !adopted.isAnothersTurn
    }

    /// Whether what is written outlives the process.
    var isKept: Bool { disk != nil }

    /// Writes what waits, and lets the files go: removed if nothing in them is left to be told.
    /// - running: usages whose outcome may still come.
    func close(running: Set<String> = []) async {
        looking?.cancel()
        while let writing { await writing.value }
        await disk?.close(running: running)
    }

    @discardableResult
    private func tell(_ error: any Error) -> String {
        let reason = (error as? DiskError)?.reason ?? String(describing: type(of: error))
        events.tell("spool_failed", ["error": reason])
        return reason
    }
}
