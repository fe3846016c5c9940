/// The version of the program and of the API that it serves, by semver.org.
public enum ProductVersion {
    public static let text = "1.0.0"
}
