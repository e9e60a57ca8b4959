#include "CPrometheus.h"
