import HTTPEndpoint
import Ledger

// What enumerations are called in the document, and so in clients that are generated from it.

extension UsageLog.Status: NamedEnumeration {
    public static var schemaName: String { "UsageStatus" }
}

extension UsageLog.FailureType: NamedEnumeration {
    public static var schemaName: String { "FailureType" }
}

extension ValidateUsage.Code: NamedEnumeration {
    public static var schemaName: String { "UsageDecision" }
}

extension HoldRefusal.Code: NamedEnumeration {
    public static var schemaName: String { "HoldDecision" }
}

extension CallEvent.Kind: NamedEnumeration {
    public static var schemaName: String { "UsageEvent" }
}

extension UsageRecordResponse.Code: NamedEnumeration {
    package static var schemaName: String { "RecordDecision" }
}

extension SummarizeUsage.Grouping: NamedEnumeration {
    package static var schemaName: String { "UsageGrouping" }
}

extension Plan.Kind: NamedEnumeration {
    public static var schemaName: String { "PlanType" }
}

extension RateWindow.Span: NamedEnumeration {
    public static var schemaName: String { "RateLimitWindow" }
}
