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

/// The spool's files, on a thread of their own, since a disk may let wait for long.
actor SpoolDisk {
    /// What a file has left to do that another process left.
    struct Adopted: Sendable {
        let file: String
        let left: [SpoolFormat.Todo]
    }

    private let thread = DiskThread()
    private let folder: String
    private var files: [String: SpoolFile] = [:]
    private var current: SpoolFile?
    private var strange: Set<String> = []
    private var isClosed = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(folder: String) {
        self.folder = folder
    }

    /// Makes a file to write to, if there is none.
    func ensure() throws {
        if current == nil { current = try makeFile() }
    }

    /// Returns once the records are on the disk, if they must be.
    func write(_ records: [JSONObject], mustSync: Bool) throws {
        do {
            try writeToCurrent(records, mustSync: mustSync)
        } catch {
            // Whatever reached the file, nothing is written behind it.
            retire()
            throw error
        }
    }

    private func writeToCurrent(_ records: [JSONObject], mustSync: Bool) throws {
        let areAllDone = records.allSatisfy { $0["r"] == "done" }
        if current == nil && (isClosed || areAllDone) { return forget(records) }
        try ensure()
        guard let file = current else { return }
        for record in records where record["r"] != "done" {
            file.usages.insert(record.value("usage_id") ?? "")
        }
        let bytes = records.flatMap { SpoolFormat.encode($0) }
        try file.write(bytes)
        if mustSync { try sync(file.descriptor) }
        forget(records)
        if file.size >= largestFile { retire() }
    }

    /// What is done needs no file any more.
    private func forget(_ records: [JSONObject]) {
        for record in records where record["r"] == "done" {
            let usage = record.value("usage_id") ?? ""
            current?.usages.remove(usage)
            for file in files.values { file.usages.remove(usage) }
        }
        for file in files.values where file.usages.isEmpty {
            files[file.name] = nil
            file.close(remove: true)
        }
    }

    private func retire() {
        guard let file = current else { return }
        files[file.name] = file
        current = nil
        forget([])
    }

    private func makeFile() throws -> SpoolFile {
        try makeFolder(folder)
        let name = "\(randomId()).spool"
        let file = try SpoolFile(
            folder: folder, name: name, opened: "\(name.dropLast(6)).new",
            flags: O_WRONLY | O_CREAT | O_EXCL | O_APPEND)
        do {
            // Locked before it has its name: nobody takes over a file that is in use.
            guard file.lock() else { throw DiskError(errno) }
            try file.write(SpoolFormat.header)
            try sync(file.descriptor)
            try check(rename("\(folder)/\(name.dropLast(6)).new", file.path))
            try syncFolder(folder)
        } catch {
            file.close(remove: false)
            throw error
        }
        return file
    }

    /// Takes over what other processes have left.
    /// - unknown: names of files of another format, each told once.
    func look() -> (adopted: [Adopted], unknown: [String]) {
        var adopted: [Adopted] = []
        var unknown: [String] = []
        if isClosed { return (adopted, unknown) }
        for name in names() where files[name] == nil && name != current?.name {
            do {
                guard let left = try takeOver(name) else { continue }
                adopted.append(Adopted(file: name, left: left))
            } catch is SpoolFormat.UnknownVersion {
                if strange.insert(name).inserted { unknown.append(name) }
            } catch {
                // It cannot be read now; the next look tries again.
            }
        }
        return (adopted, unknown)
    }

    /// Sorted; none if there is no folder yet, or none that can be read: `ensure` tells.
    private func names() -> [String] {
        guard let listing = opendir(folder) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".spool") { names.append(name) }
        }
        return names.sorted()
    }

    /// Nil: it is another process's, or there is nothing to do.
    private func takeOver(_ name: String) throws -> [SpoolFormat.Todo]? {
        let file = try SpoolFile(folder: folder, name: name, opened: name, flags: O_RDONLY)
        guard file.lock(), file.isStillNamed else {
            file.close(remove: false)
            return nil
        }
        do {
            let left = SpoolFormat.todo(
                try SpoolFormat.decode(try file.read(atMost: largestAdopted)))
            if left.isEmpty {
                file.close(remove: true)
                return nil
            }
            file.usages = Set(left.map(\.usageId))
            files[name] = file
            return left
        } catch {
            file.close(remove: false)
            throw error
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
    func close() {
        isClosed = true
        for file in Array(files.values) + (current.map { [$0] } ?? []) {
            file.close(remove: file.usages.isEmpty)
        }
        files = [:]
        current = nil
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
