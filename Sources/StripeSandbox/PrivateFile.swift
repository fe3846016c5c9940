import Foundation

enum PrivateFile {
    /// Makes the file of a database for its owner alone, whatever the umask; SQLite gives the files
    /// beside it the same mode.
    static func make(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 { close(descriptor) }
        for file in [path, path + "-wal", path + "-shm"] { chmod(file, 0o600) }
    }
}
