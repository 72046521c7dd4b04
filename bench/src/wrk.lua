-- Run by wrk. Its arguments are the body to post, and a text that no other run has; none for a GET.

function init(arguments)
    local body, run = arguments[1], arguments[2]
    if body == nil then
        return
    end
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    local before, after = body:match("^(.*)UNIQUE(.*)$")
    local count = 0
    request = function()
        count = count + 1
        return wrk.format(nil, nil, nil, before .. run .. count .. after)
    end
end

-- Times come in microseconds.
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests": %d, "requests_per_second": %.3f, "p50_ms": %.3f, "p99_ms": %.3f, "not_2xx": %d, "failed_or_slow": %d}\n',
        summary.requests,
        summary.requests * 1e6 / summary.duration,
        latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3,
        errors.status,
        errors.connect + errors.read + errors.write + errors.timeout
    ))
end
