import HTTPEndpoint

package struct UsageResult: JSONInput {
    package let content: AnalysisResult.Content

    package static let about = "The result of a call, kept for its user."

    package init(_ reader: inout ObjectReader) {
        content = AnalysisResult.Content(
            title: reader.required("title", .text(1...255), "What the user finds it by."),
            data: reader.required(
                "data",
                .json(upTo: AnalysisResult.maximumBytes, depth: AnalysisResult.maximumDepth),
                "Any JSON, at most 256 KiB without white space."))
    }
}
