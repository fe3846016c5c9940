#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

struct DiskError: Error {
    let reason: String

    init(_ code: Int32) {
        reason = String(cString: strerror(code))
    }
}

/// A file that is open. Its lock is this process's until it is closed.
final class SpoolFile {
    let name: String
    let path: String
    let descriptor: Int32
    var size = 0
    /// Those that are left to be told.
    var usages: Set<String> = []

    /// - opened: the name that it is opened by.
    init(folder: String, name: String, opened: String? = nil, flags: Int32) throws {
        self.name = name
        path = "\(folder)/\(name)"
        descriptor = open("\(folder)/\(opened ?? name)", flags | O_CLOEXEC, 0o600)
        try check(descriptor)
    }

    /// Whether the lock is this process's now.
    func lock() -> Bool {
        flock(descriptor, LOCK_EX | LOCK_NB) == 0
    }

    /// Whoever held it before may have removed it.
    var isStillNamed: Bool {
        var (mine, named) = (stat(), stat())
        return fstat(descriptor, &mine) == 0 && stat(path, &named) == 0
            && mine.st_ino == named.st_ino
    }

    func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { buffer in
            var at = 0
            while at < buffer.count {
                let rest = UnsafeRawBufferPointer(rebasing: buffer[at...])
                let written = systemWrite(descriptor, rest.baseAddress, rest.count)
                if written < 0 && errno == EINTR { continue }
                try check(Int32(clamping: written))
                at += written
            }
        }
        size += bytes.count
    }

    func read(atMost most: Int) throws -> [UInt8] {
        var found: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while found.count < most {
            let number = systemRead(descriptor, &chunk, chunk.count)
            if number < 0 && errno == EINTR { continue }
            try check(Int32(clamping: number))
            if number == 0 { break }
            found += chunk.prefix(number)
        }
        return found
    }

    func close(remove: Bool) {
        if remove { unlink(path) }
        systemClose(descriptor)
    }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int
{
    read(descriptor, bytes, count)
}

func closeDescriptor(_ descriptor: Int32) {
    systemClose(descriptor)
}

extension stat {
    /// In Unix seconds.
    var modified: Int {
        #if canImport(Darwin)
            st_mtimespec.tv_sec
        #else
            st_mtim.tv_sec
        #endif
    }
}

private func systemClose(_ descriptor: Int32) {
    close(descriptor)
}

func check(_ result: Int32) throws {
    if result < 0 { throw DiskError(errno) }
}

func sync(_ descriptor: Int32) throws {
    #if canImport(Darwin)
        try check(fcntl(descriptor, F_FULLFSYNC))
    #else
        try check(fdatasync(descriptor))
    #endif
}

/// With its parents.
func makeFolder(_ folder: String) throws {
    if mkdir(folder, 0o700) == 0 || errno == EEXIST { return }
    let code = errno
    guard code == ENOENT, let slash = folder.lastIndex(of: "/"), slash != folder.startIndex else {
        throw DiskError(code)
    }
    try makeFolder(String(folder[..<slash]))
    if mkdir(folder, 0o700) != 0 && errno != EEXIST { throw DiskError(errno) }
}

func syncFolder(_ folder: String) throws {
    let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
    try check(descriptor)
    defer { close(descriptor) }
    try check(fsync(descriptor))
}
