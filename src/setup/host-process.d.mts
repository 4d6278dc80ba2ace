export declare const hostFlags: readonly string[]
export declare const hostEnvironment: Readonly<Record<string, string>>
