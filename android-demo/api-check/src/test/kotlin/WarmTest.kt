import org.junit.jupiter.api.Test
class WarmTest { @Test fun warm() {} }
