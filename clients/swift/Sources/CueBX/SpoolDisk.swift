@preconcurrency import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file of so many bytes is followed by a new one.
private let largestFile = 64 << 20
/// Of a file that is taken over; a larger one is none of ours.
private let largestAdopted = largestFile + 8 << 20
/// What features held when they were last asked for.
private let holdsFile = "holds.json"
private let largestHolds = 4 << 20
/// The files of a process that dies become free one after the other; microseconds until all are.
private let allAreFreeAfter: UInt32 = 100_000
/// Seconds after which a file that never got its name is taken for a killed process's.
private let namelessFor = 60

/// The spool's files, on a thread of their own, since a disk may let wait for long.
actor SpoolDisk {
    /// What other processes have left to do.
    struct Adopted: Sendable {
        /// How many usages are left of each file.
        var files: [(name: String, usages: Int)] = []
        var left: [SpoolFormat.Todo] = []
        /// Names of files of another format, each told once.
        var unknown: [String] = []
        /// What features held that processes before this one asked for.
        var holds = JSONObject()
        /// Another process is looking; what it leaves is found soon.
        var isAnothersTurn = false
    }

    private let thread = DiskThread()
    private let folder: String
    private var files: [String: SpoolFile] = [:]
    /// Those that are written to.
    private var current: [SpoolFormat.Version: SpoolFile] = [:]
    private var strange: Set<String> = []
    private var isClosed = false
    /// Of calls that were running when it was closed.
    private var running: Set<String> = []

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(folder: String) {
        self.folder = folder
    }

    /// Makes a file of the version to write to, if there is none.
    func ensure(_ version: SpoolFormat.Version) throws {
        if current[version] == nil { current[version] = try makeFile(version) }
    }

    /// Returns once the records, all of that version, are on the disk, if they must be.
    func write(_ records: [JSONObject], _ version: SpoolFormat.Version, mustSync: Bool) throws {
        do {
            try writeToCurrent(records, version, mustSync: mustSync)
        } catch {
            // Whatever reached the file, nothing is written behind it.
            retire(version)
            throw error
        }
        if isClosed { letGo() }
    }

    private func writeToCurrent(
        _ records: [JSONObject], _ version: SpoolFormat.Version, mustSync: Bool
    ) throws {
        let areAllDone = records.allSatisfy { $0["r"] == "done" }
        if current[version] == nil && areAllDone { return forget(records) }
        try ensure(version)
        guard let file = current[version] else { return }
        for record in records where record["r"] != "done" {
            file.usages.insert(record.value("usage_id") ?? "")
        }
        let bytes = records.flatMap { SpoolFormat.encode($0) }
        try file.write(bytes)
        if mustSync { try sync(file.descriptor) }
        forget(records)
        for record in records where record["r"] == "outcome" && record["is_part"] != true {
            running.remove(SpoolFormat.usage(of: record))
        }
        if file.size >= largestFile { retire(version) }
    }

    /// What is done needs no file any more.
    private func forget(_ records: [JSONObject]) {
        for record in records where record["r"] == "done" {
            let usage = record.value("usage_id") ?? ""
            for file in allFiles { file.usages.remove(usage) }
        }
        for file in files.values where file.usages.isEmpty {
            files[file.name] = nil
            file.close(remove: true)
        }
    }

    private var allFiles: [SpoolFile] { Array(files.values) + Array(current.values) }

    /// The next record of the version goes to a new file.
    private func retire(_ version: SpoolFormat.Version) {
        guard let file = current.removeValue(forKey: version) else { return }
        files[file.name] = file
        forget([])
    }

    private func makeFile(_ version: SpoolFormat.Version) throws -> SpoolFile {
        try makeFolder(folder)
        let name = "\(randomId()).spool"
        let file = try SpoolFile(
            folder: folder, name: name, opened: "\(name.dropLast(6)).new",
            flags: O_WRONLY | O_CREAT | O_EXCL | O_APPEND)
        do {
            // Locked before it has its name: nobody takes over a file that is in use.
            guard file.lock() else { throw DiskError(errno) }
            try file.write(version.header)
            try sync(file.descriptor)
            try check(rename("\(folder)/\(name.dropLast(6)).new", file.path))
            try syncFolder(folder)
        } catch {
            file.close(remove: false)
            throw error
        }
        return file
    }

    /// Takes over what other processes have left. One call's records may lie in several files, so
    /// that one process must have all of them before any is judged.
    func look() -> Adopted {
        var adopted = Adopted()
        if isClosed { return adopted }
        adopted.holds = storedHolds()
        let turn = open(folder, O_RDONLY | O_CLOEXEC)
        if turn < 0 { return adopted }
        defer { closeDescriptor(turn) }
        guard flock(turn, LOCK_EX | LOCK_NB) == 0 else {
            adopted.isAnothersTurn = true
            return adopted
        }
        removeNameless()
        var found: [(file: SpoolFile, records: [JSONObject])] = []
        addFree(to: &found, &adopted)
        let records = found.flatMap(\.records)
        let ended = Set(records.filter { $0["r"] != "open" }.map(SpoolFormat.usage(of:)))
        if records.contains(where: { !ended.contains(SpoolFormat.usage(of: $0)) }) {
            // The outcome of what is open may lie in a file that is free in a moment.
            usleep(allAreFreeAfter)
            addFree(to: &found, &adopted)
        }
        adopted.left = SpoolFormat.todo(found.flatMap(\.records))
        let usages = Set(adopted.left.map(\.usageId))
        for (file, records) in found {
            file.usages = usages.intersection(records.map(SpoolFormat.usage(of:)))
            if file.usages.isEmpty {
                file.close(remove: true)
            } else {
                files[file.name] = file
                adopted.files.append((file.name, file.usages.count))
            }
        }
        return adopted
    }

    private func addFree(
        to found: inout [(file: SpoolFile, records: [JSONObject])], _ adopted: inout Adopted
    ) {
        let known = Set(found.map(\.file.name) + allFiles.map(\.name))
        for name in names(".spool") where !known.contains(name) {
            do {
                if let free = try takeOver(name) { found.append(free) }
            } catch is SpoolFormat.UnknownVersion {
                if strange.insert(name).inserted { adopted.unknown.append(name) }
            } catch {
                // It cannot be read now; the next look tries again.
            }
        }
    }

    /// Of processes that were killed between a file's beginning and its name; nothing is in them.
    private func removeNameless() {
        for name in names(".new") {
            var file = stat()
            let path = "\(folder)/\(name)"
            let now = unixMilliseconds() / 1000
            if stat(path, &file) == 0, now - file.modified > namelessFor { unlink(path) }
        }
    }

    /// Sorted; none if there is no folder yet, or none that can be read: `ensure` tells.
    private func names(_ ending: String) -> [String] {
        guard let listing = opendir(folder) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(ending) { names.append(name) }
        }
        return names.sorted()
    }

    /// Nil: it is another process's.
    private func takeOver(_ name: String) throws -> (file: SpoolFile, records: [JSONObject])? {
        let file = try SpoolFile(folder: folder, name: name, opened: name, flags: O_RDONLY)
        do {
            if file.lock(), file.isStillNamed {
                return (file, try SpoolFormat.decode(try file.read(atMost: largestAdopted)))
            }
            file.close(remove: false)
            return nil
        } catch {
            file.close(remove: false)
            throw error
        }
    }

    /// None if there are none yet, or none that can be read.
    private func storedHolds() -> JSONObject {
        do {
            let file = try SpoolFile(folder: folder, name: holdsFile, flags: O_RDONLY)
            defer { file.close(remove: false) }
            return try JSON(parsing: try file.read(atMost: largestHolds)).object ?? [:]
        } catch {
            return [:]
        }
    }

    /// For the next process, which sees them anew if this fails. Another may have seen other
    /// features.
    func keep(holds: JSONObject) {
        let hidden = "\(randomId()).new"
        do {
            let file = try SpoolFile(
                folder: folder, name: hidden, flags: O_WRONLY | O_CREAT | O_EXCL)
            defer { file.close(remove: false) }
            try file.write(JSON.object(storedHolds().merging(holds)).encoded())
            try check(rename(file.path, "\(folder)/\(holdsFile)"))
        } catch {
            // As told above.
        }
    }

    /// Keeps for a person what the service refused for good.
    func layAside(_ record: JSONObject) throws {
        let refused = "\(folder)/refused"
        try makeFolder(refused)
        let file = try SpoolFile(
            folder: refused, name: "\(randomId()).json", flags: O_WRONLY | O_CREAT | O_EXCL)
        defer { file.close(remove: false) }
        try file.write(JSON.object(record).encoded())
        try sync(file.descriptor)
    }

    /// Lets the files go: removed if nothing in them is left to be told.
    /// - running: usages whose outcome may still come; the files that name them are kept until
    ///   then, so that nobody takes them for those of a process that died.
    func close(running: Set<String> = []) {
        isClosed = true
        self.running = running
        letGo()
    }

    private func letGo() {
        for file in allFiles {
            if !file.usages.isDisjoint(with: running) { continue }
            file.close(remove: file.usages.isEmpty)
            files[file.name] = nil
            current = current.filter { $0.value !== file }
        }
    }
}

/// Runs what the disk's actor does, one after the other, where nothing else waits behind it.
private final class DiskThread: SerialExecutor {
    private let queue = DispatchQueue(label: "cuebx-spool")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        queue.async { job.runSynchronously(on: executor) }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }
}
